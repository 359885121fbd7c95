"""Invitations as a way back in for whoever was sent away, to somebody else's record, and past the tenant's own log."""

from __future__ import annotations

import json

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, TooManyRequests, Unavailable
from phivault.identity.confirm_sign_up import ConfirmSignUp, confirm_sign_up
from phivault.identity.directory import Status
from phivault.identity.limits import NUMBERS, Limit
from phivault.identity.pending_sign_up import Step
from phivault.identity.sign_up import CodeSent, SignUp, sign_up
from phivault.identity.source import Source
from phivault.identity.users.offboard import offboard
from phivault.identity.users.suspend import suspend
from tests.unit.identity.administering import TENANT, Office
from tests.unit.identity.fakes import HOME, World
from tests.unit.identity.sign_ups import EMAIL, PHONE, Candidate

WAYS = {
    "offboarded": lambda office, who: offboard(office.call(), who.user_id),
    "suspended": lambda office, who: suspend(office.call(), who.user_id),
    "an administrator no more": lambda office, who: office.change_role(who, b'{"role": "clinician"}'),
}


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def invited(office: Office, **asked: object) -> str:
    """By the second administrator: their own other address, say. The token that the mail brought."""
    body = json.dumps({"email": EMAIL, "role": "tenant_admin"} | asked)
    office.invite(body.encode(), by=office.second)
    return Candidate(office.world).invitation()


def begin(world: World, token: str) -> CodeSent:
    return sign_up(world.identity, SignUp(invitation=token, phone_number=PHONE), HOME, sleep=lambda _: None)


def finish(world: World, begun: CodeSent) -> None:
    Candidate(world).answer_phone(begun)


@pytest.mark.parametrize("way", WAYS)
def test_an_invitation_is_worth_nothing_once_its_sender_may_not_invite(office: Office, way: str) -> None:
    token = invited(office)
    WAYS[way](office, office.second)
    with pytest.raises(AccessDenied):
        begin(office.world, token)
    assert (office.world.events[-1].action, office.world.events[-1].error) == (Action.SIGN_UP, "denied")


@pytest.mark.parametrize("way", WAYS)
def test_nor_is_a_sign_up_that_it_began(office: Office, way: str) -> None:
    begun = begin(office.world, invited(office))
    WAYS[way](office, office.second)
    with pytest.raises(AccessDenied):
        finish(office.world, begun)
    assert not office.world.accounts.made
    assert not office.world.accounts.unfinished


def test_who_comes_back_may_have_their_invitations_back(office: Office) -> None:
    token = invited(office)
    office.identity.directory.change_status(TENANT, office.second.user_id, Status.SUSPENDED)
    office.identity.directory.change_status(TENANT, office.second.user_id, Status.ACTIVE)
    finish(office.world, begin(office.world, token))
    assert office.world.accounts.made[0].role is Role.TENANT_ADMIN


def test_an_unfinished_account_stands_for_whom_the_invitation_names_now(world: World) -> None:
    """The administrator linked the wrong patient, withdrew that invitation, and sent another one."""
    candidate = Candidate(world)
    world.accounts.breaks = True
    with pytest.raises(Unavailable):
        candidate.answer_phone(candidate.begin_invited(Role.PATIENT, "somebody-elses"))
    world.accounts.breaks = False
    candidate.answer_phone(candidate.begin_invited(Role.PATIENT, "their-own"))
    (account,) = world.accounts.made
    user = world.directory.user("tenant-b", world.provider.people[EMAIL].sub)
    assert user is not None
    assert (account.patient_id, user.patient_id) == ("their-own", "their-own")


def test_the_tenants_log_says_who_came_by_which_invitation_and_for_which_patient(office: Office) -> None:
    """An administrator who invites themself as a patient: the address is sealed in the invitation's event, the sign-up
    is nobody's tenant's, and only this line names the account."""
    token = invited(office, role="patient", patient_id="p-17")
    finish(office.world, begin(office.world, token))
    sent, made = (
        next(event for event in office.world.events if event.action is action and event.tenant == TENANT)
        for action in (Action.USER_APPROVE, Action.SIGN_UP_CONFIRM)
    )
    assert (sent.risk, sent.patient) == (RiskLevel.HIGH, "p-17")
    assert (made.resource, made.resource_id) == ("Invitation", sent.resource_id)
    assert (made.user_id, made.role, made.patient, made.success) == (
        office.world.provider.people[EMAIL].sub,
        "patient",
        "p-17",
        True,
    )
    assert office.world.opened(made)["user_email"] == EMAIL


def test_an_account_that_cannot_be_recorded_in_its_tenant_cannot_be_signed_in_to(office: Office) -> None:
    begun = begin(office.world, invited(office))
    make = office.world.accounts.make

    def then_the_log_is_down(*asked: object) -> object:
        made = make(*asked)  # type: ignore[arg-type]  # passed through
        office.world.events_store.down = True
        return made

    office.world.accounts.make = then_the_log_is_down  # type: ignore[method-assign, assignment]  # an outage
    with pytest.raises(Unavailable):
        finish(office.world, begun)
    assert EMAIL not in office.world.provider.people


def test_those_who_register_leave_text_messages_to_those_who_were_invited(world: World) -> None:
    """A registration text is public: whoever uses up what its tenant may send keeps no colleague out."""
    most = NUMBERS[Limit.SMS_TENANT][0]
    for number in range(most + 1):
        place = Source(f"192.0.{number // 250}.{number % 250}", "curl/8", f"0199b3c2-0000-7000-8000-{number:012}")
        candidate = Candidate(world, email=f"p{number}@example.test", phone=f"+1555{number:07}", source=place)
        begun = candidate.begin()
        body = ConfirmSignUp(challenge=Step.EMAIL_CODE, session=begun.session, code=candidate.mailed())
        if number < most:
            confirm_sign_up(world.identity, body, place)
    with pytest.raises(TooManyRequests):
        confirm_sign_up(world.identity, body, place)
    assert len(world.messenger.texts) == most
    office = Office(world)
    finish(world, begin(world, invited(office)))
