"""What the store of sessions promises beyond one row, kept by the fake and by DynamoDB alike: limits and use, a user's
sessions together, and sign-ins that race with the end of access."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.adapters.aws import client
from phivault.adapters.dynamodb_directory import DynamoDirectory
from phivault.adapters.dynamodb_sessions import DynamoSessions
from phivault.adapters.dynamodb_tenant_rules import DynamoTenantRules
from phivault.adapters.session_rows import items
from phivault.errors import AccessDenied, Conflict, Unavailable
from phivault.identity.directory import Status
from phivault.identity.session import Session
from phivault.identity.tenant_rules import TenantRules
from tests.contract.identity.made import a_session, an_id
from tests.unit.identity.fake_administration import MemoryDirectory
from tests.unit.identity.fakes import Clock, MemoryRules, MemoryState


@dataclass
class Stores:
    sessions: MemoryState | DynamoSessions
    rules: MemoryRules | DynamoTenantRules
    directory: MemoryDirectory | DynamoDirectory


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest, clock: Clock) -> Stores:
    if request.param == "memory":
        rules, directory = MemoryRules(), MemoryDirectory()
        return Stores(MemoryState(clock, rules, directory), rules, directory)
    table = request.getfixturevalue("table")
    return Stores(DynamoSessions(table, now=clock), DynamoTenantRules(table), DynamoDirectory(table))


def _stored(stores: Stores, session: Session) -> Session:
    found = stores.sessions.load(session.user_id, session.id)
    assert found is not None
    return found


def test_a_session_comes_with_its_tenants_rules(stores: Stores, clock: Clock) -> None:
    session = a_session(clock())
    assert stores.sessions.load_with_rules(session.user_id, session.id, session.tenant) == (None, TenantRules(), 0)
    stores.sessions.open(session)
    assert stores.sessions.load_with_rules(session.user_id, session.id, session.tenant) == (session, TenantRules(), 0)
    rules = TenantRules(idle=600, networks={"*": ("192.0.2.0/24",)}, version=1)
    stores.rules.replace_rules(session.tenant, rules)
    assert stores.sessions.load_with_rules(session.user_id, session.id, session.tenant) == (session, rules, 0)
    clock.time += 101
    assert stores.sessions.load_with_rules(session.user_id, session.id, session.tenant) == (None, rules, 0)


def test_a_session_comes_with_the_version_of_its_tenants_policies(table: str, clock: Clock) -> None:
    store, session = DynamoSessions(table, now=clock), a_session(clock())
    store.open(session)
    for tenant, version in (("another", 7), (session.tenant, 3)):
        row = items({"pk": f"T#{tenant}", "sk": "POLICIES", "version": version})
        client("dynamodb").put_item(TableName=table, Item=row)
    assert store.load_with_rules(session.user_id, session.id, session.tenant) == (session, TenantRules(), 3)


def test_use_is_remembered_and_never_earlier(stores: Stores, clock: Clock) -> None:
    session = a_session(clock())
    stores.sessions.open(session)
    stores.sessions.touch(session.user_id, session.id, session.seen + 60)
    stores.sessions.touch(session.user_id, session.id, session.seen + 30)
    assert _stored(stores, session) == replace(session, seen=session.seen + 60)
    stores.sessions.touch(session.user_id, an_id(), 5)
    assert len(stores.sessions.of_user(session.user_id)) == 1


def test_use_revives_nothing(stores: Stores, clock: Clock) -> None:
    session = a_session(clock())
    stores.sessions.open(session)
    assert stores.sessions.end(session.user_id, session.id, 5) is True
    assert stores.sessions.end(session.user_id, session.id, 9) is False
    stores.sessions.touch(session.user_id, session.id, session.seen + 60)
    assert _stored(stores, session) == replace(session, ended=5)


def test_rotation_leaves_what_a_request_wrote_meanwhile(stores: Stores, clock: Clock) -> None:
    session = a_session(clock())
    stores.sessions.open(session)
    stores.sessions.touch(session.user_id, session.id, session.seen + 60)
    stores.sessions.rotate(session, newest := an_id())
    assert _stored(stores, session) == replace(session, refresh_hash=newest, seen=session.seen + 60)


def test_a_users_sessions_ended_or_not_and_nobody_elses(stores: Stores, clock: Clock) -> None:
    user, tenant = an_id(), a_session(0).tenant
    mine = [a_session(clock(), user_id=user, tenant=tenant) for _ in range(5)]
    for session in (*mine, a_session(clock()), a_session(clock(), user_id=user + "x")):
        stores.sessions.open(session)
    stores.sessions.end(user, mine[0].id, 5)
    expected = {replace(mine[0], ended=5), *mine[1:]}
    assert set(stores.sessions.of_user(user)) == expected
    clock.time += 101
    assert list(stores.sessions.of_user(user)) == []


def test_the_first_sign_in_makes_the_row_of_the_directory(stores: Stores, clock: Clock) -> None:
    session = a_session(clock(), role=Role.PATIENT, patient_id="p-1")
    stores.sessions.open(session)
    user = stores.directory.user(session.tenant, session.user_id)
    assert user is not None
    assert (user.role, user.patient_id, user.status) == (Role.PATIENT, "p-1", Status.ACTIVE)
    assert (user.created, user.last_sign_in, user.person) == (session.opened, session.opened, session.personal)
    later = a_session(clock() + 50, user_id=session.user_id, tenant=session.tenant, role=Role.PATIENT, patient_id="p-1")
    stores.sessions.open(later)
    assert stores.directory.user(session.tenant, session.user_id) == replace(user, last_sign_in=later.opened)


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.OFFBOARDED])
def test_who_is_not_active_gets_no_session(stores: Stores, clock: Clock, status: Status) -> None:
    session = a_session(clock())
    stores.sessions.open(session)
    stores.directory.change_status(session.tenant, session.user_id, status)
    refused = replace(session, id=an_id(), refresh_hash=an_id())
    with pytest.raises(AccessDenied):
        stores.sessions.open(refused)
    assert stores.sessions.load(refused.user_id, refused.id) is None
    assert stores.sessions.find_by_refresh(refused.refresh_hash) is None
    user = stores.directory.user(session.tenant, session.user_id)
    assert user is not None
    assert user.status is status


@pytest.mark.parametrize("changed", [{"role": Role.AUDITOR}, {"patient_id": "p-2"}])
def test_tokens_of_a_role_or_patient_that_was_changed_open_nothing(
    stores: Stores, clock: Clock, changed: dict[str, Any]
) -> None:
    session = a_session(clock(), role=Role.PATIENT, patient_id="p-1")
    stores.sessions.open(session)
    now = {"role": Role.PATIENT, "patient_id": "p-1"} | changed
    stores.directory.change_role(session.tenant, session.user_id, now["role"], now["patient_id"])
    with pytest.raises(AccessDenied):
        stores.sessions.open(replace(session, id=an_id(), refresh_hash=an_id()))
    stores.sessions.open(replace(session, id=an_id(), refresh_hash=an_id(), **now))


def test_a_sign_in_from_before_the_end_of_all_opens_nothing(stores: Stores, clock: Clock) -> None:
    session = a_session(clock())
    stores.sessions.open(session)
    assert stores.sessions.ended_before(session.user_id) == 0
    stores.sessions.end_before(session.user_id, session.began + 10)
    stores.sessions.end_before(session.user_id, session.began + 5)  # an earlier one that arrives late
    for late in (0, 9):
        refused = replace(session, id=an_id(), refresh_hash=an_id(), began=session.began + late)
        with pytest.raises(AccessDenied):
            stores.sessions.open(refused)
    later = replace(session, id=an_id(), refresh_hash=an_id(), began=session.began + 10)
    stores.sessions.open(later)
    assert stores.sessions.ended_before(session.user_id) == session.began + 10
    stores.sessions.open(a_session(clock(), tenant=session.tenant))
    assert {each.id for each in stores.sessions.of_user(session.user_id)} == {session.id, later.id}


def test_sign_ins_and_the_end_of_access_at_once_leave_no_session(table: str, clock: Clock) -> None:
    """Whichever comes first: what is open when access ends is ended, and nothing opens afterwards."""
    sessions, directory = DynamoSessions(table, now=clock), DynamoDirectory(table)
    first = a_session(clock())
    sessions.open(first)

    def sign_in(_: int) -> bool:
        try:
            sessions.open(replace(first, id=an_id(), refresh_hash=an_id()))
        except AccessDenied:
            return False
        return True

    def offboard() -> None:
        directory.change_status(first.tenant, first.user_id, Status.OFFBOARDED)
        sessions.end_before(first.user_id, first.began + 1)
        for each in sessions.of_user(first.user_id):
            sessions.end(each.user_id, each.id, 1)

    with ThreadPoolExecutor(6) as threads:
        early = list(threads.map(sign_in, range(6)))
        ending, racing = threads.submit(offboard), threads.map(sign_in, range(20))
        ending.result()
        opened = sum(early) + sum(racing)
    found = sessions.of_user(first.user_id)
    assert len(found) == opened + 1
    assert all(each.ended for each in found)
    assert not sign_in(0)


def test_administrators_who_sign_in_at_once_are_all_counted(table: str, clock: Clock) -> None:
    """They share a row, which DynamoDB lets one transaction change at a time."""
    sessions, tenant = DynamoSessions(table, now=clock), f"tenant-{secrets.token_hex(6)}"
    admins = [a_session(clock(), tenant=tenant, role=Role.TENANT_ADMIN) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(sessions.open, admins))
    item = client("dynamodb").get_item(TableName=table, Key={"pk": {"S": f"T#{tenant}#ADMINS"}, "sk": {"S": "ADMINS"}})
    assert set(item["Item"]["members"]["SS"]) == {each.user_id for each in admins}


class _Answers:
    """boto3's client, except for one operation, which goes through ``first`` until that has had enough."""

    def __init__(self, operation: str, *first: Callable[[Callable[..., Any], dict[str, Any]], Any]) -> None:
        self._operation, self.left, self.calls = operation, list(first), 0
        self._client: Any = client("dynamodb")

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        return self._called if name == self._operation else real

    def _called(self, **arguments: Any) -> Any:
        self.calls += 1
        real = getattr(self._client, self._operation)
        return self.left.pop(0)(real, arguments) if self.left else real(**arguments)


def _unprocessed(real: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    ((table, asked),) = arguments["RequestItems"].items()
    first, *rest = asked["Keys"]
    answer = real(RequestItems={table: asked | {"Keys": [first]}})
    return answer | {"UnprocessedKeys": {table: asked | {"Keys": rest or [first]}}}


def _refused(code: str, operation: str, **more: Any) -> Callable[[Callable[..., Any], dict[str, Any]], Any]:
    from botocore.exceptions import ClientError

    def refuse(_: Callable[..., Any], __: dict[str, Any]) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": ""}, **more}, operation)  # type: ignore[arg-type]  # so

    return refuse


def _patched(monkeypatch: pytest.MonkeyPatch, answers: _Answers) -> _Answers:
    for module in ("dynamodb_sessions", "batch_get"):
        monkeypatch.setattr(f"phivault.adapters.{module}.client", lambda _: answers)
    return answers


def test_what_dynamodb_left_out_is_asked_again(table: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store, session = DynamoSessions(table, now=clock, wait=lambda _: None), a_session(clock())
    store.open(session)
    rules = TenantRules(idle=600, version=1)
    DynamoTenantRules(table).replace_rules(session.tenant, rules)
    answers = _patched(monkeypatch, _Answers("batch_get_item", _unprocessed))
    assert store.load_with_rules(session.user_id, session.id, session.tenant) == (session, rules, 0)
    assert answers.calls == 2


def test_what_it_keeps_leaving_out_lets_nobody_in(table: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store, session = DynamoSessions(table, now=clock, wait=lambda _: None), a_session(clock())
    store.open(session)
    _patched(monkeypatch, _Answers("batch_get_item", *[_unprocessed] * 20))
    with pytest.raises(Unavailable):
        store.load_with_rules(session.user_id, session.id, session.tenant)


def test_a_row_in_a_transaction_is_waited_for(table: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store, session = DynamoSessions(table, now=clock, wait=lambda _: None), a_session(clock())
    store.open(session)
    busy = _refused("TransactionConflictException", "UpdateItem")
    answers = _patched(monkeypatch, _Answers("update_item", busy, busy))
    assert store.end(session.user_id, session.id, 5) is True
    assert answers.calls == 3
    _patched(monkeypatch, _Answers("update_item", *[busy] * 20))
    with pytest.raises(Unavailable):
        store.end(session.user_id, session.id, 5)


def test_a_transaction_that_met_another_is_repeated(table: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store, session = DynamoSessions(table, now=clock, wait=lambda _: None), a_session(clock())
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "None"}, {"Code": "None"}]
    busy = _refused("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
    answers = _patched(monkeypatch, _Answers("transact_write_items", busy))
    store.open(session)
    assert answers.calls == 2
    throttled = _refused(
        "TransactionCanceledException", "TransactWriteItems", CancellationReasons=[{"Code": "ThrottlingError"}]
    )
    _patched(monkeypatch, _Answers("transact_write_items", throttled))
    with pytest.raises(Unavailable):
        store.open(a_session(clock()))


def test_an_open_whose_answer_got_lost_is_its_own_when_repeated(table: str, clock: Clock) -> None:
    store, session = DynamoSessions(table, now=clock), a_session(clock())
    store.open(session)
    store.open(session)  # as the SDK does, beyond what DynamoDB knows to be the same call
    with pytest.raises(Conflict):
        store.open(replace(session, refresh_hash="another"))


def test_a_missing_table_is_unavailable(aws_endpoints: object) -> None:
    store = DynamoSessions("no-such-table", wait=lambda _: None)
    calls: list[Callable[[], object]] = [
        lambda: store.load_with_rules("user", "session", "tenant"),
        lambda: store.of_user("user"),
        lambda: store.touch("user", "session", 1),
        lambda: store.end_before("user", 1),
        lambda: DynamoTenantRules("no-such-table").rules("tenant"),
        lambda: DynamoTenantRules("no-such-table").replace_rules("tenant", TenantRules(version=1)),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            call()
