"""The reset of lost factors: two people, a notice at each step, a time to object; no step without the one before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phivault.access.roles import Role
from phivault.audit.event import RiskLevel
from phivault.errors import AccessDenied, Conflict, NotFound, SignInAgain, Unavailable
from phivault.identity.directory import Status
from phivault.identity.messages import Purpose
from phivault.identity.mfa_reset import LIFETIME_SECONDS, done, effective
from phivault.identity.users.approve_mfa_reset import approve_mfa_reset
from phivault.identity.users.cancel_mfa_reset import cancel_mfa_reset, cancel_own_mfa_reset
from phivault.identity.users.offboard import offboard
from phivault.identity.users.request_mfa_reset import request_mfa_reset
from phivault.identity.users.show_user import show_user
from tests.unit.identity.administering import Office
from tests.unit.identity.fakes import World

DAY = 24 * 3600


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


@pytest.fixture
def lost(office: Office) -> str:
    """Whose factors are lost."""
    return office.clinician.user_id


def test_two_people_a_notice_each_and_a_day(office: Office, lost: str) -> None:
    request_mfa_reset(office.call(office.officer), lost)
    assert not effective(office.identity, lost)
    approve_mfa_reset(office.call(), lost)
    office.world.clock.time += DAY - 1
    assert not effective(office.identity, lost)
    with pytest.raises(Conflict):
        done(office.identity, lost)
    office.world.clock.time += 1
    assert effective(office.identity, lost)
    done(office.identity, lost)
    assert not effective(office.identity, lost)
    with pytest.raises(Conflict):
        done(office.identity, lost)
    sent = [(to, message.purpose) for to, message in office.world.messenger.emails]
    address = office.email(office.clinician)
    assert sent == [(address, Purpose.MFA_RESET_REQUESTED), (address, Purpose.MFA_RESET_APPROVED)]
    notices = [event for event in office.recorded("auth.code-send") if event.resource == "Message"]
    assert [(event.resource_id, event.user_id) for event in notices] == [
        ("mfa-reset-requested", lost),
        ("mfa-reset-approved", lost),
    ]
    for action, by in (("request", office.officer), ("approve", office.admin)):
        (event,) = office.recorded(f"admin.mfa-reset-{action}")
        assert (event.user_id, event.resource_id, event.risk) == (by.user_id, lost, RiskLevel.HIGH)


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.OFFBOARDED])
def test_who_asked_and_may_no_more_is_no_second_person(office: Office, lost: str, status: Status) -> None:
    request_mfa_reset(office.call(office.officer), lost)
    office.identity.directory.change_status("tenant-a", office.officer.user_id, status)
    with pytest.raises(Conflict):
        approve_mfa_reset(office.call(), lost)
    cancel_mfa_reset(office.call(), lost)
    request_mfa_reset(office.call(), lost)
    approve_mfa_reset(office.call(office.second), lost)


def test_who_asked_and_has_another_role_since_is_no_second_person(office: Office, lost: str) -> None:
    request_mfa_reset(office.call(office.officer), lost)
    office.identity.directory.change_role("tenant-a", office.officer.user_id, Role.AUDITOR, None)
    with pytest.raises(Conflict):
        approve_mfa_reset(office.call(), lost)
    assert not effective(office.identity, lost)


@pytest.mark.parametrize("gone", ["officer", "admin"])
def test_a_reset_dies_with_the_office_of_either_of_its_two_people(office: Office, lost: str, gone: str) -> None:
    request_mfa_reset(office.call(office.officer), lost)
    approve_mfa_reset(office.call(), lost)
    office.world.clock.time += DAY
    assert effective(office.identity, lost)
    office.identity.directory.change_status("tenant-a", getattr(office, gone).user_id, Status.SUSPENDED)
    assert not effective(office.identity, lost)
    with pytest.raises(Conflict):
        done(office.identity, lost)
    office.identity.directory.change_status("tenant-a", getattr(office, gone).user_id, Status.ACTIVE)
    assert effective(office.identity, lost)


def test_it_waits_for_as_long_as_the_tenant_says(office: Office, lost: str) -> None:
    rules = office.identity.rules.rules("tenant-a")
    office.identity.rules.replace_rules("tenant-a", replace(rules, cooling=3 * DAY, version=rules.version + 1))
    request_mfa_reset(office.call(), lost)
    approved = approve_mfa_reset(office.call(office.officer), lost)
    assert approved.effective == int(office.world.clock()) + 3 * DAY
    assert show_user(office.call(), lost)["mfa_reset"] == approved.shown()


def test_one_person_is_not_enough(office: Office, lost: str) -> None:
    request_mfa_reset(office.call(), lost)
    for _ in range(2):
        with pytest.raises(AccessDenied):
            approve_mfa_reset(office.call(), lost)
    assert [event.risk for event in office.recorded("admin.mfa-reset-approve")] == [RiskLevel.HIGH] * 2
    office.world.clock.time += 2 * DAY
    assert not effective(office.identity, lost)


def test_nobody_decides_about_themself(office: Office) -> None:
    with pytest.raises(AccessDenied):
        request_mfa_reset(office.call(), office.admin.user_id)
    request_mfa_reset(office.call(office.second), office.admin.user_id)
    with pytest.raises(AccessDenied):
        approve_mfa_reset(office.call(), office.admin.user_id)


def test_only_admins_and_security_officers_with_a_recent_sign_in(office: Office, lost: str) -> None:
    for role in set(Role) - {Role.TENANT_ADMIN, Role.SECURITY_OFFICER}:
        for verb in (request_mfa_reset, approve_mfa_reset, cancel_mfa_reset):
            with pytest.raises(AccessDenied):
                verb(office.call(office.user(role)), lost)
    with pytest.raises(SignInAgain):
        request_mfa_reset(office.call(age=400), lost)
    assert office.identity.mfa_resets.reset(lost) is None


def test_another_tenants_user_is_unknown(office: Office) -> None:
    stranger = office.user(Role.CLINICIAN, tenant="tenant-b")
    foreign = office.user(Role.SECURITY_OFFICER, tenant="tenant-b")
    request_mfa_reset(office.call(foreign), stranger.user_id)
    for verb in (request_mfa_reset, approve_mfa_reset, cancel_mfa_reset):
        with pytest.raises(NotFound):
            verb(office.call(), stranger.user_id)
    assert office.identity.mfa_resets.reset(stranger.user_id) is not None


def test_a_request_that_nobody_approves_ends(office: Office, lost: str) -> None:
    request_mfa_reset(office.call(), lost)
    office.world.clock.time += LIFETIME_SECONDS
    with pytest.raises(NotFound):
        approve_mfa_reset(office.call(office.officer), lost)
    request_mfa_reset(office.call(), lost)


def test_an_approval_that_nobody_uses_ends(office: Office, lost: str) -> None:
    request_mfa_reset(office.call(), lost)
    office.world.clock.time += LIFETIME_SECONDS - 1
    approve_mfa_reset(office.call(office.officer), lost)
    office.world.clock.time += DAY + LIFETIME_SECONDS - 1
    assert effective(office.identity, lost)
    office.world.clock.time += 1
    assert not effective(office.identity, lost)


@pytest.mark.parametrize("approved", [False, True])
@pytest.mark.parametrize("by", ["admin", "second", "officer", "user"])
def test_it_is_cancelled_at_any_time_before_its_use(office: Office, lost: str, by: str, approved: bool) -> None:
    request_mfa_reset(office.call(), lost)
    if approved:
        approve_mfa_reset(office.call(office.officer), lost)
        office.world.clock.time += 2 * DAY
    if by == "user":
        cancel_own_mfa_reset(office.call(office.clinician, age=4000))
    else:
        cancel_mfa_reset(office.call(getattr(office, by)), lost)
    assert not effective(office.identity, lost)
    with pytest.raises(Conflict):
        done(office.identity, lost)
    with pytest.raises(NotFound):
        approve_mfa_reset(office.call(office.officer), lost)
    with pytest.raises(NotFound):
        cancel_own_mfa_reset(office.call(office.clinician))


def test_an_approval_of_one_request_never_meets_the_next(office: Office, lost: str) -> None:
    first = request_mfa_reset(office.call(), lost)
    cancel_mfa_reset(office.call(), lost)
    request_mfa_reset(office.call(), lost)
    late = replace(first, approved_by=office.officer.user_id, effective=first.requested, expires=first.expires)
    with pytest.raises(Conflict):
        office.identity.mfa_resets.approve(late)


def test_a_user_who_is_not_told_gets_no_reset(office: Office, lost: str) -> None:
    office.world.messenger.down = True
    with pytest.raises(Unavailable):
        request_mfa_reset(office.call(), lost)
    assert office.identity.mfa_resets.reset(lost) is None
    office.world.messenger.down = False
    request_mfa_reset(office.call(), lost)
    office.world.messenger.down = True
    with pytest.raises(Unavailable):
        approve_mfa_reset(office.call(office.officer), lost)
    reset = office.identity.mfa_resets.reset(lost)
    assert reset is not None
    assert reset.approved_by == ""
    office.world.key_store.destroy("tenant-a", f"User/{office.second.user_id}")
    office.world.messenger.down = False
    office.world.clock.time += 301  # then it is gone from memory too
    with pytest.raises(Conflict):
        request_mfa_reset(office.call(), office.second.user_id)


def test_none_is_asked_for_twice_or_approved_twice(office: Office, lost: str) -> None:
    request_mfa_reset(office.call(), lost)
    with pytest.raises(Conflict):
        request_mfa_reset(office.call(office.officer), lost)
    approve_mfa_reset(office.call(office.officer), lost)
    with pytest.raises(Conflict):
        approve_mfa_reset(office.call(office.second), lost)
    assert len(office.world.messenger.emails) == 2


def test_nothing_steps_forward_unrecorded(office: Office, lost: str) -> None:
    office.world.events_store.down = True
    with pytest.raises(Unavailable):
        request_mfa_reset(office.call(), lost)
    assert office.identity.mfa_resets.reset(lost) is None
    assert office.world.messenger.emails == []


def test_an_offboarded_user_has_no_reset_left(office: Office, lost: str) -> None:
    request_mfa_reset(office.call(), lost)
    offboard(office.call(), lost)
    assert office.identity.mfa_resets.reset(lost) is None
    with pytest.raises(Conflict):
        request_mfa_reset(office.call(), lost)
