"""One administrator tries to let a second account of their own see PHI or decide about access."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from phivault.access.roles import Role
from phivault.audit.event import RiskLevel
from phivault.errors import AccessDenied, Conflict, NotFound, SignInAgain, Unavailable
from phivault.identity import invitations, proposals
from phivault.identity.directory import Status
from phivault.identity.invitations import Invitation
from phivault.identity.proposals import Proposal
from phivault.identity.users.approve_invitation import approve_invitation
from phivault.identity.users.approve_role import approve_role
from phivault.identity.users.call import Call
from phivault.identity.users.change_role import change_role
from phivault.identity.users.invite_user import invite_user
from phivault.identity.users.list_invitations import list_invitations
from phivault.identity.users.offboard import offboard
from phivault.identity.users.show_user import show_user
from phivault.identity.users.withdraw_invitation import withdraw_invitation
from phivault.identity.users.withdraw_role import withdraw_role
from tests.unit.identity.administering import TENANT, Office
from tests.unit.identity.fakes import World

EMAIL = "their-other-address@example.test"
APPROVING = {Role.TENANT_ADMIN, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER}
type Approve = Callable[[Call], object]


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


@pytest.fixture(params=["invitation", "role"])
def approve(request: pytest.FixtureRequest, office: Office) -> Approve:
    """The administrator asked for it; what is left is the approval."""
    if request.param == "role":
        change_role(office.call(), office.clinician.user_id, b'{"role": "tenant_admin"}')
        return lambda call: approve_role(call, office.clinician.user_id)
    asked = asked_for(office)
    return lambda call: approve_invitation(call, asked.id)


def asked_for(office: Office, **changed: object) -> Proposal:
    asked = invite_user(office.call(), json.dumps({"email": EMAIL, "role": "clinician"} | changed).encode())
    assert isinstance(asked, Proposal)
    return asked


def nothing_happened(office: Office) -> bool:
    return not office.world.messenger.emails and office.now(office.clinician).role is Role.CLINICIAN


@pytest.mark.parametrize("role", Role)
def test_every_role_that_sees_or_decides_waits_for_another_person(office: Office, role: Role) -> None:
    linked = {"patient_id": "p-1"} if role is Role.PATIENT else {}
    asked_for(office, role=role.value, **linked)
    assert office.world.messenger.emails == []


def test_who_will_stand_for_nobody_is_invited_by_one(office: Office) -> None:
    sent = invite_user(office.call(), json.dumps({"email": EMAIL, "role": "patient"}).encode())
    assert isinstance(sent, Invitation)
    assert len(office.world.messenger.emails) == 1


def test_nobody_approves_what_they_asked_for(office: Office, approve: Approve) -> None:
    with pytest.raises(AccessDenied):
        approve(office.call())
    assert nothing_happened(office)
    (event,) = office.recorded("admin.user-approve")
    assert (event.error, event.risk) == ("denied", RiskLevel.HIGH)


def test_nobody_approves_their_own_role(office: Office) -> None:
    change_role(office.call(), office.second.user_id, b'{"role": "security_officer"}')
    with pytest.raises(AccessDenied):
        approve_role(office.call(office.second), office.second.user_id)


@pytest.mark.parametrize("role", Role)
def test_only_administrators_and_officers_approve(office: Office, approve: Approve, role: Role) -> None:
    call = office.call(office.user(role))
    if role in APPROVING:
        with pytest.raises(SignInAgain):
            approve(office.call(office.user(role), age=400))
        approve(call)
        assert not nothing_happened(office)
    else:
        with pytest.raises(AccessDenied):
            approve(call)
        assert nothing_happened(office)


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.OFFBOARDED])
def test_who_was_sent_away_asked_for_nothing(office: Office, approve: Approve, status: Status) -> None:
    office.identity.directory.change_status(TENANT, office.admin.user_id, status)
    with pytest.raises(Conflict):
        approve(office.call(office.officer))
    assert nothing_happened(office)


def test_who_is_no_administrator_any_more_asked_for_nothing(office: Office, approve: Approve) -> None:
    office.identity.directory.change_role(TENANT, office.admin.user_id, Role.AUDITOR, None)
    with pytest.raises(Conflict):
        approve(office.call(office.officer))
    assert nothing_happened(office)


def test_it_waits_for_three_days(office: Office, approve: Approve) -> None:
    office.world.clock.time += proposals.LIFE_SECONDS + 1
    with pytest.raises(NotFound):
        approve(office.call(office.officer))
    assert nothing_happened(office)


def test_nothing_is_approved_unrecorded(office: Office, approve: Approve) -> None:
    call = office.call(office.officer)
    office.world.events_store.down = True
    with pytest.raises(Unavailable):
        approve(call)
    assert nothing_happened(office)


def test_what_was_approved_is_approved_once(office: Office, approve: Approve) -> None:
    approve(office.call(office.officer))
    with pytest.raises(NotFound):
        approve(office.call(office.second))
    assert len(office.world.messenger.emails) <= 1


def test_what_was_withdrawn_is_not_approved(office: Office) -> None:
    asked = asked_for(office)
    withdraw_invitation(office.call(office.second), asked.id)
    change_role(office.call(), office.clinician.user_id, b'{"role": "auditor"}')
    withdraw_role(office.call(office.second), office.clinician.user_id)
    with pytest.raises(NotFound):
        approve_invitation(office.call(office.officer), asked.id)
    with pytest.raises(NotFound):
        approve_role(office.call(office.officer), office.clinician.user_id)
    assert nothing_happened(office)


def test_a_role_that_waits_is_not_exchanged_for_another(office: Office) -> None:
    """Somebody approves what they were shown, not what came in its place."""
    change_role(office.call(), office.clinician.user_id, b'{"role": "care_coordinator"}')
    with pytest.raises(Conflict):
        change_role(office.call(), office.clinician.user_id, b'{"role": "tenant_admin"}')
    shown = show_user(office.call(office.second), office.clinician.user_id)["role_change"]
    assert (shown["role"], shown["proposed_by"]) == ("care_coordinator", office.admin.user_id)


def test_no_offboarded_user_gets_a_role(office: Office) -> None:
    change_role(office.call(), office.clinician.user_id, b'{"role": "auditor"}')
    offboard(office.call(), office.clinician.user_id)
    with pytest.raises(NotFound):
        approve_role(office.call(office.officer), office.clinician.user_id)
    assert office.now(office.clinician).role is Role.CLINICIAN


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.OFFBOARDED])
def test_an_invitation_is_worth_nothing_once_its_approver_was_sent_away(office: Office, status: Status) -> None:
    asked = asked_for(office)
    approve_invitation(office.call(office.second), asked.id)
    token = office.world.messenger.emails[-1][1].text.split()[-1]
    assert invitations.invited(office.identity, token).approved_by == office.second.user_id
    office.identity.directory.change_status(TENANT, office.second.user_id, status)
    with pytest.raises(AccessDenied):
        invitations.invited(office.identity, token)


def test_one_that_skipped_its_approval_is_good_for_nothing(office: Office) -> None:
    """Whoever could write it past the verbs: an administrator's own, approved by nobody."""
    invitations.invite(office.identity, TENANT, Role.CLINICIAN, None, EMAIL, office.admin.user_id)
    token = office.world.messenger.emails[-1][1].text.split()[-1]
    with pytest.raises(AccessDenied):
        invitations.invited(office.identity, token)


def test_the_list_shows_what_is_decided_about_and_no_address(office: Office) -> None:
    asked = asked_for(office, role="patient", patient_id="p-9")
    change_role(office.call(), office.clinician.user_id, b'{"role": "auditor"}')
    (shown,) = list_invitations(office.call(office.officer))["invitations"]
    assert shown == asked.shown() | {"email": "t…@example.test"}
    assert (shown["patient_id"], shown["proposed_by"]) == ("p-9", office.admin.user_id)
    there = office.user(Role.TENANT_ADMIN, tenant="tenant-b")
    assert list_invitations(office.call(there)) == {"invitations": []}
    with pytest.raises(AccessDenied):
        list_invitations(office.call(office.clinician))
    assert EMAIL not in repr(office.world.events) + repr(asked)
