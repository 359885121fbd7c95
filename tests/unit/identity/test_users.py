"""User administration: what each verb does, in which order, and what it leaves on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
    NotFound,
    PhivaultError,
    SignInAgain,
    Unauthenticated,
    Unavailable,
    UnsupportedParameter,
)
from phivault.identity.directory import Status, User
from phivault.identity.users.approve_role import approve_role
from phivault.identity.users.call import Call
from phivault.identity.users.change_role import change_role
from phivault.identity.users.export_users import export_users
from phivault.identity.users.list_users import list_users
from phivault.identity.users.offboard import offboard
from phivault.identity.users.resume import resume
from phivault.identity.users.show_user import show_user
from phivault.identity.users.suspend import suspend
from tests.unit.identity.administering import Office
from tests.unit.identity.fakes import HOME, World

CACHED = 301  # seconds, then a destroyed key is gone from memory too
AUDITOR = b'{"role": "auditor"}'


def to_auditor(call: Call, user_id: str) -> object:
    return change_role(call, user_id, AUDITOR)


CHANGES: dict[str, tuple[Action, Callable[[Call, str], object]]] = {
    "role": (Action.USER_ROLE, to_auditor),
    "suspend": (Action.USER_SUSPEND, suspend),
    "resume": (Action.USER_RESUME, resume),
    "offboard": (Action.USER_OFFBOARD, offboard),
}


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


@pytest.fixture(params=CHANGES)
def change(request: pytest.FixtureRequest) -> tuple[Action, Callable[[Call, str], object]]:
    return CHANGES[request.param]


def test_a_page_of_users_masks_their_addresses(office: Office) -> None:
    office.user(Role.CLINICIAN, tenant="tenant-b")
    first = list_users(office.call(), {"limit": "3"})
    rest = list_users(office.call(), {"limit": "3", "cursor": first["cursor"]})
    ids = [one["user_id"] for page in (first, rest) for one in page["users"]]
    expected = (office.admin, office.second, office.officer, office.clinician)
    assert ids == sorted(user.user_id for user in expected)
    assert rest["cursor"] is None
    assert {one["email"] for one in rest["users"]} <= {"t…@people.example", "s…@people.example", "c…@people.example"}
    (event, _) = office.recorded("admin.user-list")
    assert (event.success, event.risk, event.classes) == (True, RiskLevel.LOW, ("identifying",))


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"tenant": "tenant-b"}, UnsupportedParameter),
        ({"limit": "0"}, InvalidInput),
        ({"limit": "51"}, InvalidInput),
        ({"limit": "-1"}, InvalidInput),
        ({"limit": "٣"}, InvalidInput),
        ({"cursor": "T#tenant-b#USERS"}, InvalidInput),
        ({"cursor": "x" * 101}, InvalidInput),
    ],
)
def test_a_page_that_cannot_be_asked_for(
    office: Office, parameters: dict[str, str], error: type[PhivaultError]
) -> None:
    with pytest.raises(error) as told:
        list_users(office.call(), parameters)
    assert "tenant-b" not in told.value.detail
    (event,) = office.recorded("admin.user-list")
    assert (event.success, event.error) == (False, error.code)


def test_a_user_is_shown_once_it_is_recorded(office: Office) -> None:
    shown = show_user(office.call(), office.clinician.user_id)
    assert shown["email"] == office.email(office.clinician)
    assert (shown["role"], shown["status"], shown["last_sign_in"], shown["mfa_reset"]) == (
        "clinician",
        "active",
        None,
        None,
    )
    (event,) = office.recorded("admin.user-read")
    assert (event.resource, event.resource_id, event.user_id) == (
        "User",
        office.clinician.user_id,
        office.admin.user_id,
    )
    office.world.events_store.down = True
    with pytest.raises(Unavailable):
        show_user(office.call(), office.clinician.user_id)


def test_an_altered_row_is_critical_and_hides_nobody_else(office: Office) -> None:
    user = office.clinician
    other = office.second.person  # whose address an administrator would then write to
    person = Personal(user.person.subject, user.person.ref, other.sealed)
    rows = office.world.directory.rows
    rows[user.tenant, user.user_id] = User(user.user_id, user.tenant, user.role, None, person, created=1)
    emails = {one["user_id"]: one["email"] for one in list_users(office.call(), {})["users"]}
    assert emails.pop(user.user_id) is None
    assert all(emails.values())
    (event,) = office.recorded("admin.user-read")
    assert (event.error, event.risk, event.resource_id) == ("integrity", RiskLevel.CRITICAL, user.user_id)


def test_an_export_has_a_line_per_user_and_an_end(office: Office) -> None:
    for _ in range(3):
        office.user(Role.PATIENT, patient_id="p-1")
    office.world.key_store.destroy("tenant-a", f"User/{office.officer.user_id}")
    office.world.clock.time += CACHED
    *users, end = [json.loads(line) for line in export_users(office.call(), {})]
    assert end == {"count": 7, "cursor": None}
    emails = {one["user_id"]: one["email"] for one in users}
    assert emails.pop(office.officer.user_id) is None
    assert emails[office.clinician.user_id] == office.email(office.clinician)
    *some, cut = [json.loads(line) for line in export_users(office.call(), {"limit": "4"})]
    *rest, whole = [json.loads(line) for line in export_users(office.call(), {"cursor": cut["cursor"]})]
    assert (some + rest, cut["count"], whole) == (users, 4, {"count": 3, "cursor": None})
    assert {event.risk for event in office.recorded("admin.user-export")} == {RiskLevel.HIGH}


def test_nothing_of_an_export_leaves_unrecorded(office: Office) -> None:
    office.world.events_store.down = True
    with pytest.raises(Unavailable):
        next(export_users(office.call(), {}))


def test_a_changed_role_holds_for_sessions_directory_and_provider(office: Office) -> None:
    claims = office.sign_in(office.clinician)
    asked = b'{"role": "patient", "patient_id": "p-1"}'
    change_role(office.call(), office.clinician.user_id, asked)
    assert office.now(office.clinician).role is Role.CLINICIAN
    office.world.sessions.authenticate(claims, HOME)
    assert approve_role(office.call(office.officer), office.clinician.user_id) == 1
    assert (office.now(office.clinician).role, office.now(office.clinician).patient_id) == (Role.PATIENT, "p-1")
    assert ("set_role", office.clinician.user_id, "patient", "p-1") in office.world.user_admin.told
    with pytest.raises(Unauthenticated):
        office.world.sessions.authenticate(claims, HOME)
    for event in (*office.recorded("admin.user-role"), *office.recorded("admin.user-approve")):
        assert {"role:from:clinician", "role:to:patient"} <= set(event.flags)
        assert (event.patient, event.risk) == ("p-1", RiskLevel.HIGH)
    office.change_role(office.clinician, b'{"role": "care_coordinator"}')
    assert office.now(office.clinician).patient_id is None
    assert office.recorded("admin.user-role")[-1].patient == "p-1"


def test_a_provider_that_is_down_leaves_no_session_of_the_old_role(office: Office) -> None:
    office.world.user_admin.down = True
    claims = office.sign_in(office.clinician)
    with pytest.raises(Unavailable):
        office.change_role(office.clinician, AUDITOR)
    with pytest.raises(Unauthenticated):
        office.world.sessions.authenticate(claims, HOME)
    with pytest.raises(AccessDenied):  # tokens still say clinician
        office.sign_in(office.clinician)
    done, failed = office.recorded("admin.user-approve")
    assert (done.success, failed.success, failed.error) == (True, False, "unavailable")
    office.world.user_admin.down = False
    approve_role(office.call(office.officer), office.clinician.user_id)
    assert office.identity.proposals.proposal("tenant-a", office.clinician.user_id) is None
    assert office.world.user_admin.told[-1] == ("set_role", office.clinician.user_id, "auditor", "")


@pytest.mark.parametrize(
    "body",
    [
        {"role": "patient"},
        {"role": "clinician", "patient_id": "p-1"},
        {"role": "root"},
        {"role": "patient", "patient_id": "p/1"},
        {"role": "clinician", "tenant": "tenant-b"},
        {"role": ["clinician"]},
        {},
    ],
)
def test_a_role_that_is_none_changes_nothing(office: Office, body: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        change_role(office.call(), office.clinician.user_id, json.dumps(body).encode())
    assert office.now(office.clinician).role is Role.CLINICIAN
    (event,) = office.recorded("admin.user-role")
    assert (event.success, event.error) == (False, "invalid")


def test_a_suspension_ends_sessions_and_its_end_needs_a_new_sign_in(office: Office) -> None:
    claims = [office.sign_in(office.clinician) for _ in range(2)]
    assert suspend(office.call(), office.clinician.user_id) == 2
    assert office.world.user_admin.disabled == {office.clinician.user_id}
    with pytest.raises(AccessDenied):
        office.sign_in(office.clinician)
    assert suspend(office.call(), office.clinician.user_id) == 0
    office.world.clock.time += 1
    resume(office.call(), office.clinician.user_id)
    assert office.world.user_admin.disabled == set()
    assert office.now(office.clinician).status is Status.ACTIVE
    for old in claims:
        with pytest.raises(Unauthenticated):
            office.world.sessions.authenticate(old, HOME)
    office.world.sessions.authenticate(office.sign_in(office.clinician), HOME)


def test_an_offboarding_tells_when_access_had_ended(office: Office) -> None:
    for _ in range(3):
        office.sign_in(office.clinician)
    done = offboard(office.call(), office.clinician.user_id)
    assert (done.sessions, done.ending, done.ended) == (3, office.world.clock(), office.world.clock())
    assert office.now(office.clinician).status is Status.OFFBOARDED
    assert office.email(office.now(office.clinician))
    ending, ended = office.recorded("admin.user-offboard")
    assert "access:ending" in ending.flags
    assert {"access:ended", "sessions:ended:3"} <= set(ended.flags)
    for verb in (suspend, resume, to_auditor):
        with pytest.raises(Conflict):
            verb(office.call(), office.clinician.user_id)
    assert office.world.user_admin.disabled == {office.clinician.user_id}


def test_an_offboarding_that_an_outage_cut_short_is_completed(office: Office) -> None:
    claims = office.sign_in(office.clinician)
    office.world.user_admin.down = True
    with pytest.raises(Unavailable):
        offboard(office.call(), office.clinician.user_id)
    with pytest.raises(Unauthenticated):  # our own sessions don't wait for the provider
        office.world.sessions.authenticate(claims, HOME)
    office.world.user_admin.down = False
    assert offboard(office.call(), office.clinician.user_id).sessions == 0
    assert office.world.user_admin.disabled == {office.clinician.user_id}
    flags = [set(event.flags) & {"access:ending", "access:ended"} for event in office.recorded("admin.user-offboard")]
    assert flags == [{"access:ending"}, set(), {"access:ending"}, {"access:ended"}]


def test_an_offboarding_that_comes_between_leaves_the_account_disabled(office: Office) -> None:
    suspend(office.call(), office.clinician.user_id)
    enable = office.world.user_admin.enable

    def slowly(user_id: str) -> None:
        office.world.user_admin.enable = enable  # type: ignore[method-assign]  # once
        offboard(office.call(office.second), user_id)
        enable(user_id)

    office.world.user_admin.enable = slowly  # type: ignore[method-assign]  # a race, made to happen
    with pytest.raises(Conflict):
        resume(office.call(), office.clinician.user_id)
    assert office.world.user_admin.disabled == {office.clinician.user_id}


def test_nothing_changes_unrecorded(office: Office, change: tuple[Action, Callable[[Call, str], object]]) -> None:
    before = office.now(office.clinician)
    office.world.events_store.down = True
    with pytest.raises(Unavailable):
        change[1](office.call(), office.clinician.user_id)
    assert office.now(office.clinician) == before
    assert office.world.user_admin.told == []


def test_a_change_needs_an_administrator_who_signed_in_just_now(
    office: Office, change: tuple[Action, Callable[[Call, str], object]]
) -> None:
    action, verb = change
    with pytest.raises(SignInAgain):
        verb(office.call(age=400), office.clinician.user_id)
    for role in set(Role) - {Role.TENANT_ADMIN}:
        with pytest.raises(AccessDenied):
            verb(office.call(office.user(role)), office.clinician.user_id)
    refused = office.recorded(action)
    assert len(refused) == len(Role)
    assert {(event.success, event.risk) for event in refused} == {(False, RiskLevel.HIGH)}
    assert office.now(office.clinician) == office.clinician


def test_a_change_needs_a_user_of_the_tenant(
    office: Office, change: tuple[Action, Callable[[Call, str], object]]
) -> None:
    action, verb = change
    stranger = office.user(Role.CLINICIAN, tenant="tenant-b")
    for id in (stranger.user_id, "nobody", "T#tenant-b#USERS", "", "x" * 200):
        with pytest.raises(NotFound):
            verb(office.call(), id)
    assert office.now(stranger) == stranger
    assert [event.error for event in office.recorded(action)] == ["not-found"] * 5


def test_nobody_changes_themself(office: Office, change: tuple[Action, Callable[[Call, str], object]]) -> None:
    with pytest.raises(AccessDenied):
        change[1](office.call(), office.admin.user_id)
    assert office.now(office.admin) == office.admin
    (event,) = office.recorded(change[0])
    assert (event.success, event.risk) == (False, RiskLevel.HIGH)


@pytest.mark.parametrize("verb", [suspend, offboard])
def test_the_last_administrator_stays(office: Office, verb: Callable[[Call, str], object]) -> None:
    call = office.call(office.second)  # whose session still stands when they are removed
    offboard(office.call(), office.second.user_id)
    with pytest.raises(Conflict):
        verb(call, office.admin.user_id)
    assert office.now(office.admin) == office.admin
