"""What every store of grants keeps, asked of the fake and of DynamoDB on this machine; and, of DynamoDB, that decisions
read what it says at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from phivault.access.purpose import Purpose
from phivault.access.roles import Role
from phivault.adapters import fact_rows
from phivault.adapters.access_state_table import TABLE
from phivault.adapters.aws import client
from phivault.adapters.dynamodb_facts import DynamoFacts
from phivault.adapters.dynamodb_grants import DynamoGrants
from phivault.adapters.session_rows import items, row_of
from phivault.errors import Conflict, InvalidInput, Unavailable
from phivault.permissions.grants.state import Grant, Kind, State, Terms, Waiting
from tests.support.memory_grants import MemoryGrants
from tests.support.people import OPERATIONS, PATIENT_REQUEST, TREATMENT, principal

NOW = 1_800_000_000
UNTIL = NOW + 1000
type Store = MemoryGrants | DynamoGrants


class Clock:
    time: float = NOW

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(new_table: Callable[[dict[str, Any]], str]) -> str:
    return new_table(TABLE)


@pytest.fixture
def dynamo(table: str, clock: Clock) -> DynamoGrants:
    return DynamoGrants(table, now=clock)


@pytest.fixture
def facts(table: str, clock: Clock) -> DynamoFacts:
    return DynamoFacts(table, now=clock)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest, clock: Clock) -> Store:
    if request.param == "memory":
        return MemoryGrants(clock)
    dynamo: DynamoGrants = request.getfixturevalue("dynamo")
    return dynamo


def terms(*classes: str, until: int = UNTIL, purposes: tuple[str, ...] = ("TREATMENT",)) -> Terms:
    return Terms(classes or ("clinical",), purposes, NOW, until)


def a_grant(**changed: Any) -> Grant:
    waiting = Waiting(1, terms(), "coordinator", NOW, NOW + 100)
    grant = Grant(
        id=str(uuid.uuid4()),
        kind=Kind.ACCESS,
        user_id="user",
        patient="p",
        relation="",
        project="",
        state=State.PROPOSED,
        latest=1,
        waiting=waiting,
    )
    return replace(grant, **changed)


def read(store: Store, id: str) -> Grant:
    grant = store.grant("t", id)
    assert grant is not None
    return grant


def active(store: Store, **changed: Any) -> Grant:
    grant = a_grant(**changed)
    store.add("t", grant)
    store.approve("t", grant, "officer", NOW + 1)
    return read(store, grant.id)


def waits(store: Store, grant: Grant, changed: Terms | None = None) -> Grant:
    """A further version of it waits."""
    waiting = Waiting(grant.latest + 1, changed or terms("contact"), "coordinator", NOW, NOW + 100)
    store.wait("t", grant, waiting)
    return read(store, grant.id)


def test_a_grant_is_kept_as_it_was_proposed(store: Store) -> None:
    grant = a_grant(kind=Kind.DELEGATE, relation="parent")
    assert store.grant("t", grant.id) is None
    store.add("t", grant)
    assert store.grant("t", grant.id) == grant
    assert (store.grant("u", grant.id), list(store.versions("t", grant.id, 5))) == (None, [])
    with pytest.raises(Conflict):
        store.add("t", grant)


def test_an_approval_keeps_the_version_and_ends_the_wait(store: Store) -> None:
    grant = active(store)
    assert (grant.state, grant.version, grant.latest, grant.waiting) == (State.ACTIVE, 1, 1, None)
    assert grant.holds is not None
    assert (grant.holds.terms, grant.holds.proposed_by, grant.holds.approved_by, grant.holds.approved) == (
        terms(),
        "coordinator",
        "officer",
        NOW + 1,
    )
    assert list(store.versions("t", grant.id, 5)) == [grant.holds] == [store.version("t", grant.id, 1)]
    assert store.version("t", grant.id, 2) is None


@pytest.mark.parametrize("by", ["coordinator", "user"])
def test_neither_proposer_nor_grantee_approves(store: Store, by: str) -> None:
    grant = a_grant()
    store.add("t", grant)
    with pytest.raises(Conflict):
        store.approve("t", grant, by, NOW)
    assert store.grant("t", grant.id) == grant


def test_what_expired_or_ended_is_not_approved(store: Store, clock: Clock) -> None:
    proposed = a_grant()
    store.add("t", proposed)
    held = active(store, waiting=Waiting(1, terms(until=NOW + 50), "coordinator", NOW, NOW + 100))
    changed = waits(store, held)
    clock.time = NOW + 50
    with pytest.raises(Conflict):
        store.approve("t", changed, "officer", NOW)
    clock.time = NOW + 100
    with pytest.raises(Conflict):
        store.approve("t", proposed, "officer", NOW)


def test_every_change_starts_from_what_was_read(store: Store) -> None:
    old = active(store)
    new = waits(store, old)
    with pytest.raises(Conflict):
        store.wait("t", new, Waiting(3, terms(), "coordinator", NOW, NOW + 100))  # one waits
    with pytest.raises(Conflict):
        store.approve("t", old, "officer", NOW)  # nothing waited then
    store.withdraw("t", new, "coordinator", NOW)
    for late in (
        lambda: store.approve("t", new, "officer", NOW),
        lambda: store.withdraw("t", new, "officer", NOW),
        lambda: store.wait("t", old, Waiting(2, terms(), "coordinator", NOW, NOW + 100)),
    ):
        with pytest.raises(Conflict):
            late()
    third = waits(store, read(store, old.id))
    assert third.latest == 3
    with pytest.raises(Conflict):
        store.approve("t", new, "officer", NOW)  # another version than the one looked at
    store.approve("t", third, "officer", NOW)
    assert [one.version for one in store.versions("t", old.id, 5)] == [3, 1]


def test_an_expired_version_makes_room(store: Store, clock: Clock) -> None:
    grant = active(store)
    expired = waits(store, grant)
    clock.time = NOW + 100
    store.wait("t", expired, Waiting(3, terms("sensitive"), "coordinator", NOW + 100, NOW + 200))
    with pytest.raises(Conflict):
        store.approve("t", expired, "officer", NOW)
    store.approve("t", read(store, grant.id), "officer", NOW)
    assert read(store, grant.id).version == 3


def test_a_withdrawn_or_revoked_grant_stays_so(store: Store) -> None:
    withdrawn, revoked = a_grant(), active(store)
    store.add("t", withdrawn)
    store.withdraw("t", withdrawn, "coordinator", NOW + 2)
    changed = waits(store, revoked)
    store.revoke("t", revoked, "officer", NOW + 3)  # read before the change was proposed
    for id, state, by in (
        (withdrawn.id, State.WITHDRAWN, "coordinator"),
        (revoked.id, State.REVOKED, "officer"),
    ):
        kept = read(store, id)
        assert (kept.state, kept.closed_by) == (state, by)
        for late in (
            lambda kept=kept: store.revoke("t", kept, "officer", NOW),
            lambda kept=kept: store.wait("t", kept, Waiting(9, terms(), "coordinator", NOW, NOW + 100)),
            lambda kept=kept: store.approve("t", kept, "officer", NOW),
        ):
            with pytest.raises(Conflict):
                late()
    for earlier in (withdrawn, changed):
        with pytest.raises(Conflict):
            store.approve("t", earlier, "officer", NOW)


def test_pages_hold_a_tenants_and_a_filters_alone(store: Store) -> None:
    made = sorted((a_grant(user_id=f"user-{n % 2}", patient=f"p-{n % 3}") for n in range(12)), key=lambda one: one.id)
    for grant in made:
        store.add("t", grant)
    store.add("u", a_grant())
    seen: list[str] = []
    after = ""
    for _ in range(3):
        page, after = store.grants("t", after=after, limit=5)
        seen += [one.id for one in page]
    assert (seen, after) == ([one.id for one in made], "")
    found, _ = store.grants("t", patient="p-1", user_id="user-0", limit=50)
    assert [one.id for one in found] == [g.id for g in made if (g.patient, g.user_id) == ("p-1", "user-0")]
    assert found


def seen_by(facts: DynamoFacts, purpose: Purpose = TREATMENT, role: Role = Role.CLINICIAN) -> tuple[set[str], set[str]]:
    stands = facts.load(principal(role), purpose, ["p"])["p"]
    return set(stands.granted), set(stands.delegated)


def test_decisions_see_a_grant_from_its_approval_to_its_end(
    dynamo: DynamoGrants, facts: DynamoFacts, clock: Clock
) -> None:
    grant = active(dynamo)
    assert seen_by(facts) == ({"clinical"}, set())
    assert seen_by(facts, OPERATIONS) == (set(), set())
    assert facts.patients_of(principal(Role.CLINICIAN)) == {"p"}
    changed = waits(dynamo, grant, terms("clinical", "sensitive"))
    assert seen_by(facts) == ({"clinical"}, set())
    dynamo.approve("t", changed, "officer", NOW)
    assert seen_by(facts) == ({"clinical", "sensitive"}, set())
    clock.time = UNTIL
    assert seen_by(facts) == (set(), set())


def test_decisions_forget_a_revoked_grant_and_keep_the_others(dynamo: DynamoGrants, facts: DynamoFacts) -> None:
    grant = active(dynamo)
    delegate = Waiting(1, terms("contact", purposes=("PATIENT_REQUEST",)), "coordinator", NOW, NOW + 100)
    active(dynamo, kind=Kind.DELEGATE, relation="carer", waiting=delegate)
    assert seen_by(facts, PATIENT_REQUEST) == (set(), {"contact"})
    dynamo.revoke("t", grant, "officer", NOW)
    assert seen_by(facts) == (set(), set())
    assert seen_by(facts, PATIENT_REQUEST) == (set(), {"contact"})


def test_a_project_is_approved_and_revoked_on_the_users_own_row(dynamo: DynamoGrants, facts: DynamoFacts) -> None:
    researcher = principal(Role.RESEARCHER)
    waiting = Waiting(1, Terms((), (), NOW, UNTIL), "coordinator", NOW, NOW + 100)
    grant = active(dynamo, kind=Kind.PROJECT, patient="", project="kidney", waiting=waiting)
    assert facts.projects(researcher) == {"kidney"}
    assert facts.patients_of(researcher) == set()
    dynamo.revoke("t", grant, "officer", NOW)
    assert facts.projects(researcher) == set()


def test_a_grant_leaves_care_and_broken_glass_of_its_row_alone(
    dynamo: DynamoGrants, facts: DynamoFacts, table: str
) -> None:
    facts.join_care_team("t", "p", "user", Role.CLINICIAN)
    grant = active(dynamo)
    dynamo.revoke("t", grant, "officer", NOW)
    assert facts.load(principal(Role.CLINICIAN), TREATMENT, ["p"])["p"].in_care_team


def test_what_is_long_over_is_swept_from_the_facts(dynamo: DynamoGrants, table: str, clock: Clock) -> None:
    old = active(dynamo)
    young = active(dynamo, waiting=Waiting(1, terms(until=UNTIL + 9000), "coordinator", NOW, NOW + 100))
    clock.time = UNTIL + 3600
    new = active(dynamo, waiting=Waiting(1, terms(until=UNTIL + 9000), "coordinator", NOW, NOW + 10_000))
    key = items(fact_rows.user_key("t", "p", "user"))
    row = row_of(client("dynamodb").get_item(TableName=table, Key=key)["Item"])
    names = {name for name in row if name.startswith(fact_rows.GRANT)}
    assert names == {f"grant#{young.id}", f"grant#{new.id}"}
    assert f"grant#{old.id}" not in names


def won(*changes: Callable[[], None]) -> list[bool]:
    """Which of what was tried at once went through."""

    def one(change: Callable[[], None]) -> bool:
        try:
            change()
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(changes)) as threads:
        return list(threads.map(one, changes))


def test_of_two_approvers_at_once_one_wins(dynamo: DynamoGrants) -> None:
    grant = a_grant()
    dynamo.add("t", grant)
    tried = won(*[lambda n=n: dynamo.approve("t", grant, f"officer-{n}", NOW) for n in range(4)])
    assert sum(tried) == 1
    holds = read(dynamo, grant.id).holds
    assert holds is not None
    assert holds.approved_by == f"officer-{tried.index(True)}"


@pytest.mark.parametrize("attempt", range(4))
def test_of_an_approval_and_a_withdrawal_at_once_one_happens(
    dynamo: DynamoGrants, facts: DynamoFacts, attempt: int
) -> None:
    grant = a_grant()
    dynamo.add("t", grant)
    approved, withdrawn = won(
        lambda: dynamo.approve("t", grant, "officer", NOW), lambda: dynamo.withdraw("t", grant, "coordinator", NOW)
    )
    assert approved != withdrawn
    assert seen_by(facts) == ({"clinical"} if approved else set(), set())


@pytest.mark.parametrize("attempt", range(4))
def test_of_an_approval_and_a_revocation_at_once_nothing_is_left_granted(
    dynamo: DynamoGrants, facts: DynamoFacts, attempt: int
) -> None:
    grant = waits(dynamo, active(dynamo), terms("sensitive"))
    _, revoked = won(
        lambda: dynamo.approve("t", grant, "officer", NOW), lambda: dynamo.revoke("t", grant, "officer", NOW)
    )
    assert revoked
    assert seen_by(facts) == (set(), set())
    assert read(dynamo, grant.id).state is State.REVOKED


def test_an_id_reaches_into_no_other_rows(dynamo: DynamoGrants) -> None:
    with pytest.raises(InvalidInput):
        dynamo.grant("t#GRANTS", "x")


def test_an_outage_is_told_as_one(aws_endpoints: Any) -> None:
    store, grant = DynamoGrants("no-such-table"), a_grant()
    for call in (
        lambda: store.grant("t", grant.id),
        lambda: store.add("t", grant),
        lambda: store.approve("t", grant, "officer", NOW),
        lambda: store.grants("t", limit=1),
        lambda: store.withdraw("t", grant, "officer", NOW),
    ):
        with pytest.raises(Unavailable):
            call()
