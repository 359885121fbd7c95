"""Using one user's password and another user's code, or a session that our sign-in never began."""

from __future__ import annotations

import secrets

import pytest

from phivault.errors import InvalidCredentials
from phivault.identity import inputs
from phivault.identity.challenge import challenge
from phivault.identity.enrol_totp import enrol_totp
from phivault.identity.provider import ChallengeName
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import HOME, Person, World


@pytest.fixture
def careless(world: World) -> World:
    """The provider no longer binds sessions to users: ours is the check that is left."""
    world.provider.trusting = True
    return world


def test_a_session_moved_to_another_users_address(careless: World) -> None:
    victim = careless.enrol(Person("privacy.officer@example.test", role="privacy_officer"))
    mine = sign_in(careless.identity, careless.credentials(), HOME)
    with pytest.raises(InvalidCredentials):
        challenge(careless.identity, careless.answer(mine, email=victim.email), HOME)
    assert careless.state.sessions == {}


def test_a_session_moved_to_another_challenge(careless: World) -> None:
    mine = sign_in(careless.identity, careless.credentials(), HOME)
    for name in set(ChallengeName) - {mine.challenge}:
        moved = type(mine)(name, mine.session)
        answer = "SMS_MFA" if name is ChallengeName.SELECT_MFA_TYPE else None
        with pytest.raises(InvalidCredentials):
            challenge(careless.identity, careless.answer(moved, answer), HOME)


def test_an_authenticator_added_in_a_session_that_awaits_another_factor(careless: World) -> None:
    mine = sign_in(careless.identity, careless.credentials(), HOME)
    with pytest.raises(InvalidCredentials):
        enrol_totp(careless.identity, inputs.MfaTotp(session=mine.session), HOME)


def test_a_session_begun_past_us(careless: World) -> None:
    begun_directly = careless.provider.initiate(careless.person.email, careless.person.password)
    with pytest.raises(InvalidCredentials):
        challenge(careless.identity, careless.answer(begun_directly), HOME)


def test_a_session_used_again_after_its_tokens(careless: World) -> None:
    mine = sign_in(careless.identity, careless.credentials(), HOME)
    challenge(careless.identity, careless.answer(mine), HOME)
    with pytest.raises(InvalidCredentials):
        challenge(careless.identity, careless.answer(mine), HOME)
    assert len(careless.state.sessions) == 1


def test_made_up_sessions_cannot_lock_an_account_out(world: World) -> None:
    for _ in range(8):
        body = inputs.Challenge(
            challenge=ChallengeName.SOFTWARE_TOKEN_MFA,
            session=secrets.token_urlsafe(32),
            email=world.person.email,
            code="000000",
        )
        with pytest.raises(InvalidCredentials):
            challenge(world.identity, body, HOME)
    assert sign_in(world.identity, world.credentials(), HOME)
