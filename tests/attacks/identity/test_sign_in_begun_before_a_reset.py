"""A sign-in that began with the old password, or before its owner ended everything, and is finished afterwards."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, InvalidCredentials
from phivault.identity import inputs
from phivault.identity.challenge import challenge
from phivault.identity.enrol_totp import enrol_totp
from phivault.identity.forgot_password import ForgotPassword, forgot_password
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.recover import Recover, recover
from phivault.identity.recovery_codes import hash_of
from phivault.identity.reset_password import ResetPassword, reset_password
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import ELSEWHERE, HOME, World

NEW = "Quiet-heron-4-lanterns"


def begun(world: World) -> Challenged:
    """By whoever knows the old password."""
    return sign_in(world.identity, world.credentials(), ELSEWHERE)


def reset(world: World) -> Challenged:
    """By the owner, who reads the mail."""
    person = world.person
    forgot_password(world.identity, ForgotPassword(email=person.email), HOME, sleep=lambda _: None)
    body = ResetPassword(email=person.email, code=world.passwords.codes[person.email], new_password=NEW)
    return reset_password(world.identity, body, HOME)


def refused(world: World, challenged: Challenged, answer: str | None = None) -> None:
    calls = world.provider.calls
    with pytest.raises(InvalidCredentials):
        challenge(world.identity, world.answer(challenged, answer), ELSEWHERE)
    assert world.provider.calls == calls, "the provider isn't asked: it would take the code, or the factor"
    event = world.events[-1]
    assert (event.action, event.success, event.risk) == (Action.CHALLENGE, False, RiskLevel.HIGH)
    assert not world.state.sessions


@pytest.mark.parametrize("seconds", [0.002, 0.4, 30])
def test_the_old_password_s_challenge_is_over_with_the_reset(world: World, seconds: float) -> None:
    challenged = begun(world)
    world.clock.time += seconds
    anew = reset(world)
    refused(world, challenged)
    assert isinstance(challenge(world.identity, world.answer(anew), HOME), Tokens)


def test_the_old_password_chooses_no_factor_after_the_reset(world: World) -> None:
    """A choice sends a text message, and its challenge would be younger than the reset."""
    world.person.challenge = ChallengeName.SELECT_MFA_TYPE
    challenged = begun(world)
    world.clock.time += 1
    reset(world)
    refused(world, challenged, "SMS_MFA")


def test_a_chain_of_challenges_is_as_old_as_its_password(world: World) -> None:
    world.person.challenge = ChallengeName.SELECT_MFA_TYPE
    chosen = challenge(world.identity, world.answer(begun(world), "SOFTWARE_TOKEN_MFA"), ELSEWHERE)
    assert isinstance(chosen, Challenged)
    world.clock.time += 1
    reset(world)
    refused(world, chosen)


def test_the_old_password_sets_up_no_factor_after_the_reset(world: World) -> None:
    """Of a user who never enrolled: the reset takes the stolen password's set-up away with it."""
    world.person.challenge = ChallengeName.MFA_SETUP
    first, second = begun(world), begun(world)
    set_up = enrol_totp(world.identity, inputs.MfaTotp(session=first.session), ELSEWHERE)
    world.clock.time += 1
    reset(world)
    refused(world, Challenged(ChallengeName.MFA_SETUP, set_up.session))
    calls = world.provider.calls
    with pytest.raises(InvalidCredentials):
        enrol_totp(world.identity, inputs.MfaTotp(session=second.session), ELSEWHERE)
    assert world.provider.calls == calls
    assert not world.factors.factors(world.person.sub).enrolled


def test_a_recovery_that_was_begun_is_over_with_the_reset(world: World) -> None:
    """Stolen password and stolen recovery code; the owner resets the password before a factor is set up."""
    person = world.person
    world.factors.replace_recovery_codes(person.sub, {hash_of(person.sub, "A" * 16)})
    allowed = recover(
        world.identity, Recover(email=person.email, password=person.password, recovery_code="A" * 16), ELSEWHERE
    )
    set_up = enrol_totp(world.identity, inputs.MfaTotp(session=allowed.session), ELSEWHERE)
    world.clock.time += 1
    with pytest.raises(InvalidCredentials):  # the new password alone sets nothing up either
        reset(world)
    refused(world, Challenged(ChallengeName.MFA_SETUP, set_up.session))


def test_a_reset_between_the_code_and_the_session_wins(world: World) -> None:
    """Within one second, which is all that a token's auth_time tells."""
    challenged = begun(world)
    respond = world.provider.respond

    def reset_first(*asked: object) -> Challenged | Tokens:
        answer = respond(*asked)  # type: ignore[arg-type]  # passed through
        world.clock.time += 0.01
        world.sessions.end_all(world.person.sub, world.clock())
        return answer

    world.provider.respond = reset_first  # type: ignore[method-assign, assignment]  # an interleaving, made to happen
    with pytest.raises(AccessDenied):
        challenge(world.identity, world.answer(challenged), ELSEWHERE)
    assert len(world.provider.revoked) == 1
    assert not world.state.sessions


def test_a_sign_in_is_not_prolonged_for_ever(world: World) -> None:
    """The barrier of ended sessions lasts a day; no chain of set-ups outlives it."""
    world.person.challenge = ChallengeName.MFA_SETUP
    session = begun(world).session
    with pytest.raises(InvalidCredentials):  # noqa: PT012  (which step is refused is the provider's and ours to say)
        for _ in range(10):
            world.clock.time += 600
            session = enrol_totp(world.identity, inputs.MfaTotp(session=session), ELSEWHERE).session
