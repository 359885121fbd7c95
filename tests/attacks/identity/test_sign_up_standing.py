"""Choosing one's own tenant, role or patient at sign-up, or somebody else's invitation."""

from __future__ import annotations

import json

import pytest

from phivault.access.roles import Role
from phivault.errors import AccessDenied, InvalidInput, NotFound
from phivault.identity import invitations
from phivault.identity.confirm_sign_up import ConfirmSignUp
from phivault.identity.sign_up import SignUp, sign_up
from phivault.inputs import read
from tests.unit.identity.fakes import ELSEWHERE, HOME, World
from tests.unit.identity.sign_ups import EMAIL, PASSWORD, PHONE, REGISTRATION, Candidate

CHOSEN = [
    ("tenant", "tenant-b"),
    ("tenant_id", "tenant-b"),
    ("custom:tenant_id", "tenant-b"),
    ("role", "tenant_admin"),
    ("custom:role", "tenant_admin"),
    ("patient_id", "p-17"),
    ("email_verified", True),
    ("attributes", {"custom:role": "tenant_admin"}),
]


@pytest.mark.parametrize(("name", "value"), CHOSEN)
def test_no_body_takes_a_standing(name: str, value: object) -> None:
    begun = {"registration": REGISTRATION, "email": EMAIL, "phone_number": PHONE}
    answered = {"challenge": "PHONE_CODE", "session": "x" * 43, "code": "123456"}
    answered |= {"password": PASSWORD, "factor": "SMS_MFA"}
    read(SignUp, json.dumps(begun).encode())
    read(ConfirmSignUp, json.dumps(answered).encode())
    for model, body in ((SignUp, begun), (ConfirmSignUp, answered)):
        with pytest.raises(InvalidInput, match="unknown"):
            read(model, json.dumps(body | {name: value}).encode())


def test_a_repeated_member_is_refused() -> None:
    body = (
        f'{{"registration": "{REGISTRATION}", "email": "{EMAIL}", "email": "a@b.example", "phone_number": "{PHONE}"}}'
    )
    with pytest.raises(InvalidInput, match="repeated"):
        read(SignUp, body.encode())


def test_an_invitation_for_another_address_cannot_be_moved() -> None:
    """Whoever has the token signs up the address that it was sent to; an address beside it is refused."""
    world = World()
    candidate = Candidate(world)
    invitations.invite(world.identity, "tenant-b", Role.TENANT_ADMIN, None, EMAIL, "admin-1")
    token = candidate.invitation()
    with pytest.raises(InvalidInput):
        read(SignUp, json.dumps({"invitation": token, "email": "e@e.example", "phone_number": PHONE}).encode())
    begun = sign_up(world.identity, SignUp(invitation=token, phone_number=PHONE), ELSEWHERE)
    candidate.answer_phone(begun)
    assert world.accounts.made[0].contact.email == EMAIL


def test_a_row_moved_to_another_sign_up_does_not_open() -> None:
    """Who can write rows still can't move a sealed address from one sign-up to another."""
    from dataclasses import replace

    from phivault.errors import IntegrityError

    world = World()
    Candidate(world).begin()
    Candidate(world, email="other@example.test").begin()
    one, other = world.sign_ups.rows.values()
    moved = replace(other, contact=replace(one.contact, ref=other.id))
    world.sign_ups.rows[other.id] = moved
    from phivault.identity import contact

    with pytest.raises(IntegrityError):
        contact.unseal(world.keys, moved.contact)


@pytest.mark.parametrize("token", ["A" * 43, "_" * 43])
def test_a_guessed_invitation(token: str) -> None:
    world = World()
    Candidate(world).begin_invited()
    sent = len(world.messenger.texts)
    with pytest.raises(AccessDenied):
        sign_up(world.identity, SignUp(invitation=token, phone_number=PHONE), HOME)
    assert len(world.messenger.texts) == sent
    assert world.events[-1].error == "denied"


def test_the_id_of_an_invitation_is_not_its_token() -> None:
    """Administrators see ids, and the log names them."""
    world = World()
    invitation = invitations.invite(world.identity, "tenant-b", Role.AUDITOR, None, EMAIL, "admin-1")
    with pytest.raises(InvalidInput):
        read(SignUp, json.dumps({"invitation": invitation.id, "phone_number": PHONE}).encode())
    with pytest.raises(AccessDenied):
        sign_up(world.identity, SignUp(invitation=invitation.id[:43], phone_number=PHONE), HOME)


def test_the_same_answer_for_every_bad_invitation() -> None:
    world = World()
    candidate = Candidate(world)
    refusals = []

    def refused(token: str) -> None:
        with pytest.raises(AccessDenied) as refusal:
            sign_up(world.identity, SignUp(invitation=token, phone_number=PHONE), HOME)
        refusals.append(str(refusal.value))

    refused("A" * 43)
    candidate.answer_phone(candidate.begin_invited())
    refused(candidate.invitation())
    withdrawn = invitations.invite(world.identity, "tenant-b", Role.AUDITOR, None, "x@example.test", "admin-1")
    token = Candidate(world, email="x@example.test").invitation()
    invitations.withdraw(world.identity, "tenant-b", withdrawn.id)
    refused(token)
    invitations.invite(world.identity, "tenant-b", Role.AUDITOR, None, "y@example.test", "admin-1")
    token = Candidate(world, email="y@example.test").invitation()
    world.clock.time += invitations.LIFE_SECONDS
    refused(token)
    assert len(set(refusals)) == 1


def test_another_tenant_withdraws_nothing() -> None:
    world = World()
    invitation = invitations.invite(world.identity, "tenant-b", Role.AUDITOR, None, EMAIL, "admin-1")
    with pytest.raises(NotFound) as foreign:
        invitations.withdraw(world.identity, "tenant-a", invitation.id)
    with pytest.raises(NotFound) as unknown:
        invitations.withdraw(world.identity, "tenant-a", "0" * 64)
    assert str(foreign.value) == str(unknown.value)
    assert world.sign_ups.invitation(invitation.id) is not None
