"""Invitations by administrators and by operators."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.audit.event import RiskLevel
from phivault.errors import AccessDenied, Conflict, InvalidInput, NotFound, PhivaultError, SignInAgain, Unavailable
from phivault.identity.proposals import Proposal
from phivault.identity.users.approve_invitation import approve_invitation
from phivault.identity.users.invite_by_operator import invite_by_operator
from phivault.identity.users.invite_user import invite_user
from phivault.identity.users.withdraw_invitation import withdraw_invitation
from tests.unit.identity.administering import Office
from tests.unit.identity.fakes import World

EMAIL = "jorun@example.test"


def body(**changed: Any) -> bytes:
    return json.dumps({"email": EMAIL, "role": "clinician"} | changed).encode()


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def test_an_invitation_is_for_the_callers_tenant(office: Office) -> None:
    asked = invite_user(office.call(), body())
    assert isinstance(asked, Proposal)
    assert office.world.messenger.emails == []
    sent = approve_invitation(office.call(office.officer), asked.id)
    assert (sent.tenant, sent.role, sent.patient_id, sent.invited_by, sent.approved_by) == (
        "tenant-a",
        Role.CLINICIAN,
        None,
        office.admin.user_id,
        office.officer.user_id,
    )
    ((to, message),) = office.world.messenger.emails
    assert to == EMAIL
    (event,) = office.recorded("admin.user-invite")
    assert (event.resource, event.resource_id, event.risk) == ("Invitation", asked.id, RiskLevel.MEDIUM)
    assert {"role:to:clinician", "state:waiting"} <= set(event.flags)
    (event,) = office.recorded("admin.user-approve")
    assert (event.resource, event.resource_id, event.risk) == ("Invitation", sent.id, RiskLevel.HIGH)
    assert {"role:to:clinician", f"by:{office.admin.user_id}", f"proposal:{asked.id}"} <= set(event.flags)
    assert EMAIL not in repr(sent)
    assert message.text.split()[-1] not in repr(office.world.events)


def test_inviting_an_administrator_is_high(office: Office) -> None:
    invite_user(office.call(), body(role="tenant_admin"))
    (event,) = office.recorded("admin.user-invite")
    assert (event.risk, "role:to:tenant-admin" in event.flags) == (RiskLevel.HIGH, True)


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant": "tenant-b"},
        {"role": "root"},
        {"role": "operator"},
        {"patient_id": "p-1"},
        {"role": "patient", "patient_id": "../p"},
        {"email": "nobody"},
        {"email": None},
    ],
)
def test_a_body_that_is_refused_sends_nothing(office: Office, changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as told:
        invite_user(office.call(), body(**changed))
    assert EMAIL not in told.value.detail
    assert office.world.messenger.emails == []
    (event,) = office.recorded("admin.user-invite")
    assert (event.success, event.error) == (False, "invalid")


def test_a_refusal_names_the_rule(office: Office) -> None:
    with pytest.raises(InvalidInput, match=r"^body: takes patient_id with the role patient alone$"):
        invite_user(office.call(), body(patient_id="p-1"))
    with pytest.raises(InvalidInput, match=r"^email: has to be an e-mail address$"):
        invite_user(office.call(), body(email="nobody"))


def test_inviting_needs_an_administrator_who_signed_in_just_now(office: Office) -> None:
    with pytest.raises(SignInAgain):
        invite_user(office.call(age=400), body())
    for role in set(Role) - {Role.TENANT_ADMIN}:
        with pytest.raises(AccessDenied):
            invite_user(office.call(office.user(role)), body(role="patient"))
    assert office.world.messenger.emails == []


def test_no_invitation_leaves_unrecorded(office: Office) -> None:
    office.world.events_store.down = True
    for asked in (body(), body(role="patient")):
        with pytest.raises(Unavailable):
            invite_user(office.call(), asked)
    assert office.world.messenger.emails == []
    assert office.identity.proposals.proposals("tenant-a") == []


def test_one_that_could_not_be_sent_is_recorded_as_failed_and_not_good(office: Office) -> None:
    office.world.messenger.down = True
    with pytest.raises(Unavailable):
        invite_user(office.call(), body(role="patient"))
    done, failed = office.recorded("admin.user-invite")
    assert (done.success, failed.success) == (True, False)
    assert office.identity.invitations.invitation(done.resource_id) is None


def test_a_withdrawn_invitation_is_gone(office: Office) -> None:
    sent = office.invite(body())
    withdraw_invitation(office.call(office.second), sent.id)
    assert office.identity.invitations.invitation(sent.id) is None
    with pytest.raises(NotFound):
        withdraw_invitation(office.call(), sent.id)
    done, failed, again = office.recorded("admin.user-uninvite")
    assert (done.success, failed.success, failed.resource_id, again.error) == (True, True, sent.id, "not-found")


def test_another_tenants_invitation_stays(office: Office) -> None:
    there = [office.user(Role.TENANT_ADMIN, tenant="tenant-b") for _ in range(2)]
    sent = office.invite(body(), *there)
    asked = invite_user(office.call(there[0]), body())
    for refuse in (withdraw_invitation, approve_invitation):
        with pytest.raises(NotFound):
            refuse(office.call(), asked.id)
    assert office.identity.proposals.proposal("tenant-b", asked.id) == asked
    for id in (sent.id, "nothing", sent.id.upper()):
        with pytest.raises(NotFound):
            withdraw_invitation(office.call(), id)
    assert office.identity.invitations.invitation(sent.id) == sent


def test_an_operator_invites_a_new_tenants_first_administrator(office: Office) -> None:
    with pytest.raises(NotFound):
        invite_by_operator(office.identity, "tenant-new", body(role="tenant_admin"), by="AKIAOPERATOR")
    sent = invite_by_operator(office.identity, "tenant-new", body(role="tenant_admin"), by="AKIAOPERATOR", new=True)
    assert (sent.tenant, sent.role, sent.invited_by) == ("tenant-new", Role.TENANT_ADMIN, "AKIAOPERATOR")
    refused, done = office.recorded("admin.user-invite")
    assert (refused.success, done.success) == (False, True)
    assert (done.user_id, done.role, done.tenant, done.risk) == (
        "AKIAOPERATOR",
        "operator",
        "tenant-new",
        RiskLevel.HIGH,
    )
    assert invite_by_operator(office.identity, "tenant-a", body(), by="AKIAOPERATOR").tenant == "tenant-a"


def test_a_new_tenants_administrator_never_lands_in_one_that_has_users(office: Office) -> None:
    with pytest.raises(Conflict):
        invite_by_operator(office.identity, "tenant-a", body(role="tenant_admin"), by="AKIAOPERATOR", new=True)
    assert office.world.messenger.emails == []
    (event,) = office.recorded("admin.user-invite")
    assert (event.success, event.error, event.user_id) == (False, "conflict", "AKIAOPERATOR")


@pytest.mark.parametrize(("tenant", "changed"), [("", {}), ("a#b", {}), ("-", {}), ("tenant-a", {"role": "root"})])
def test_an_operators_input_that_cannot_be_used(office: Office, tenant: str, changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        invite_by_operator(office.identity, tenant, body(**changed), by="AKIAOPERATOR", new=True)
    assert office.world.messenger.emails == []


def test_nothing_of_an_operator_leaves_unrecorded(office: Office) -> None:
    office.world.events_store.down = True
    with pytest.raises(PhivaultError):
        invite_by_operator(office.identity, "tenant-a", body(), by="AKIAOPERATOR")
    assert office.world.messenger.emails == []
