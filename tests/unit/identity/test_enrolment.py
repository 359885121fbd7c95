"""Who may set up a factor with the password alone: new users, and nobody else but in the sign-in that was allowed."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action
from phivault.errors import InvalidCredentials, TooManyRequests, Unavailable
from phivault.identity import enrolment, inputs
from phivault.identity.challenge import challenge
from phivault.identity.enrol_totp import enrol_totp
from phivault.identity.lockout import FREE_FAILURES
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import HOME, World


@pytest.fixture
def unenrolled(world: World) -> World:
    """The provider holds no factor of the user's."""
    world.person.challenge = ChallengeName.MFA_SETUP
    return world


def _begin(world: World) -> Challenged:
    return sign_in(world.identity, world.credentials(), HOME)


def _finish(world: World, session: str) -> Challenged | Tokens:
    begun = enrol_totp(world.identity, inputs.MfaTotp(session=session), HOME)
    return challenge(world.identity, world.answer(Challenged(ChallengeName.MFA_SETUP, begun.session)), HOME)


def test_a_new_user_sets_up_a_factor_and_is_remembered(unenrolled: World) -> None:
    assert isinstance(_finish(unenrolled, _begin(unenrolled).session), Tokens)
    assert unenrolled.factors.factors(unenrolled.person.sub).enrolled


@pytest.mark.parametrize("factor", [ChallengeName.SMS_MFA, ChallengeName.SOFTWARE_TOKEN_MFA])
def test_any_full_sign_in_shows_that_there_is_a_factor(world: World, factor: ChallengeName) -> None:
    world.person.challenge = factor
    challenge(world.identity, world.answer(_begin(world)), HOME)
    assert world.factors.factors(world.person.sub).enrolled


def test_whoever_had_a_factor_gets_what_a_wrong_password_gets(unenrolled: World) -> None:
    unenrolled.factors.enrolled(unenrolled.person.sub)
    with pytest.raises(InvalidCredentials) as refused:
        _begin(unenrolled)
    event = unenrolled.events[-1]
    assert (event.action, event.error, event.user_id) == (Action.SIGN_IN, "denied", unenrolled.person.sub)
    assert unenrolled.state.pending == {}
    with pytest.raises(InvalidCredentials) as wrong:
        sign_in(unenrolled.identity, unenrolled.credentials(password="wrong"), HOME)
    assert (str(refused.value), refused.value.code) == (str(wrong.value), wrong.value.code)


def test_it_counts_as_a_wrong_password(unenrolled: World) -> None:
    unenrolled.factors.enrolled(unenrolled.person.sub)
    for _ in range(FREE_FAILURES + 1):
        with pytest.raises(InvalidCredentials):
            _begin(unenrolled)
    with pytest.raises(TooManyRequests):
        _begin(unenrolled)


def test_a_set_up_that_began_before_another_was_completed_is_over(unenrolled: World) -> None:
    first, second = _begin(unenrolled), _begin(unenrolled)
    begun = enrol_totp(unenrolled.identity, inputs.MfaTotp(session=first.session), HOME)
    _finish(unenrolled, second.session)
    following = Challenged(ChallengeName.MFA_SETUP, begun.session)
    with pytest.raises(InvalidCredentials):
        challenge(unenrolled.identity, unenrolled.answer(following), HOME)
    assert (unenrolled.events[-1].action, unenrolled.events[-1].error) == (Action.CHALLENGE, "denied")


def test_no_secret_either(unenrolled: World) -> None:
    first, second = _begin(unenrolled), _begin(unenrolled)
    _finish(unenrolled, second.session)
    with pytest.raises(InvalidCredentials):
        enrol_totp(unenrolled.identity, inputs.MfaTotp(session=first.session), HOME)
    assert (unenrolled.events[-1].action, unenrolled.events[-1].error) == (Action.MFA_ENROL, "denied")


def test_a_new_password_does_not_lead_around_it(world: World) -> None:
    world.factors.enrolled(world.person.sub)
    world.person.challenge = ChallengeName.NEW_PASSWORD_REQUIRED
    with pytest.raises(InvalidCredentials):
        challenge(world.identity, world.answer(_begin(world), "Ferry7-lantern-quilt"), HOME)
    assert (world.events[-1].action, world.events[-1].error) == (Action.CHALLENGE, "denied")


def test_a_permission_follows_its_sign_in_through_a_new_password(world: World) -> None:
    world.factors.enrolled(world.person.sub)
    world.person.challenge = ChallengeName.NEW_PASSWORD_REQUIRED
    asked = _begin(world)
    enrolment.allow(world.identity, world.person.sub, asked.session)
    following = challenge(world.identity, world.answer(asked, "Ferry7-lantern-quilt"), HOME)
    assert isinstance(following, Challenged)
    assert isinstance(_finish(world, following.session), Tokens)


def test_a_permission_ends(unenrolled: World) -> None:
    asked = _begin(unenrolled)
    unenrolled.factors.enrolled(unenrolled.person.sub)
    enrolment.allow(unenrolled.identity, unenrolled.person.sub, asked.session)
    unenrolled.clock.time += enrolment.SECONDS + 1
    with pytest.raises(InvalidCredentials):
        enrol_totp(unenrolled.identity, inputs.MfaTotp(session=asked.session), HOME)


def test_what_is_not_known_is_refused(unenrolled: World) -> None:
    unenrolled.factors.down = True
    with pytest.raises(Unavailable):
        _begin(unenrolled)


def test_a_sign_in_that_cannot_be_remembered_yields_no_tokens(world: World) -> None:
    asked = _begin(world)
    world.factors.down = True
    with pytest.raises(Unavailable):
        challenge(world.identity, world.answer(asked), HOME)
    assert len(world.provider.revoked) == 1
    assert world.state.sessions == {}
