"""A code and a new password: a challenge and no tokens, every session dead, everything recorded."""

from __future__ import annotations

import json

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import InvalidCredentials, InvalidInput, TooManyRequests, Unauthenticated, Unavailable
from phivault.identity.forgot_password import ForgotPassword, forgot_password
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.reset_password import ATTEMPT, ResetPassword, reset_password
from phivault.inputs import read
from tests.unit.identity.fakes import HOME, World, authorized

NEW = "Quiet-heron-4-lanterns"


def code_of(world: World) -> str:
    forgot_password(world.identity, ForgotPassword(email=world.person.email), HOME, sleep=lambda _: None)
    return world.passwords.codes[world.person.email]


def reset(world: World, code: str, password: str = NEW, email: str = "") -> Challenged:
    body = ResetPassword(email=email or world.person.email, code=code, new_password=password)
    return reset_password(world.identity, body, HOME)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_it_ends_in_a_challenge(world: World) -> None:
    answer = reset(world, code_of(world))
    assert isinstance(answer, Challenged)
    assert answer.challenge is ChallengeName.SOFTWARE_TOKEN_MFA
    assert world.person.password == NEW
    assert world.state.sessions == {}


def test_every_session_has_ended(world: World, tokens: Tokens) -> None:
    world.clock.time += 5
    reset(world, code_of(world))
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(tokens.access_token), HOME)
    (done,) = [event for event in world.events if "sessions:ended:1" in event.flags]
    assert (done.action, done.risk, done.user_id) == (Action.PASSWORD_RESET, RiskLevel.HIGH, world.person.sub)
    assert world.opened(done)["user_email"] == world.person.email


def test_the_attempt_is_recorded_before_the_password_changes(world: World) -> None:
    code, before = code_of(world), len(world.events)
    world.passwords.after_reset = lambda person: kept.extend(world.events[before:])
    kept: list[object] = []
    reset(world, code)
    (attempt,) = kept
    assert attempt in world.events
    actions = [event.action for event in world.events[before:]]
    assert actions == [Action.PASSWORD_RESET, Action.PASSWORD_RESET, Action.SIGN_IN]
    assert ATTEMPT in world.events[before].flags


def test_nothing_changes_unrecorded(world: World) -> None:
    code, old = code_of(world), world.person.password
    world.events_store.down = True
    with pytest.raises(Unavailable):
        reset(world, code)
    assert world.person.password == old
    assert "reset" not in world.passwords.calls


def test_a_wrong_code_counts_and_is_recorded(world: World, tokens: Tokens) -> None:
    code = code_of(world)
    with pytest.raises(InvalidCredentials):
        reset(world, wrong(code))
    assert world.events[-1].error == "invalid-credentials"
    assert world.sessions.authenticate(authorized(tokens.access_token), HOME), "a guess ends nobody's session"


def test_guesses_are_stopped_here(world: World) -> None:
    code = code_of(world)
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            reset(world, wrong(code))
    asked = world.passwords.calls.count("reset")
    with pytest.raises(TooManyRequests) as refused:
        reset(world, code)
    assert refused.value.retry_after
    assert world.passwords.calls.count("reset") == asked


@pytest.mark.parametrize("password", ["short1A!", "alllowercase-1-letters", "Clinician-at-work-99"])
def test_a_weak_password_costs_no_try(world: World, password: str) -> None:
    code = code_of(world)
    for _ in range(10):
        with pytest.raises(InvalidInput):
            reset(world, code, password)
    assert "reset" not in world.passwords.calls
    assert reset(world, code)


def test_a_password_had_before_costs_no_try_either(world: World) -> None:
    code = code_of(world)
    world.passwords.old.append(NEW)
    for _ in range(10):
        with pytest.raises(InvalidInput):
            reset(world, code)
    world.passwords.old.clear()
    assert reset(world, code)


def test_nobody_is_answered_like_a_wrong_code(world: World) -> None:
    code_of(world)
    with pytest.raises(InvalidCredentials) as nobody:
        reset(world, "000000", email="nobody@example.test")
    with pytest.raises(InvalidCredentials) as somebody:
        reset(world, wrong(world.passwords.codes[world.person.email]))
    assert (str(nobody.value), nobody.value.detail) == (str(somebody.value), somebody.value.detail)


def test_an_answer_that_got_lost_ends_the_sessions_all_the_same(world: World, tokens: Tokens) -> None:
    code = code_of(world)
    world.clock.time += 5
    world.passwords.lost_answer = True
    with pytest.raises(Unavailable):
        reset(world, code)
    assert world.person.password == NEW
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(tokens.access_token), HOME)
    assert world.events[-1].action in (Action.PASSWORD_RESET, Action.SESSION_REFUSED)
    told = [(e.error, e.user_id) for e in world.events if e.action is Action.PASSWORD_RESET]
    assert told == [("", ""), ("unavailable", world.person.sub)], "whose sessions ended is on record"


def test_throttled_it_ends_nobodys_sessions(world: World, tokens: Tokens) -> None:
    """Whoever sends enough requests at once, with any code, must not sign others out."""

    def throttled(*_: str) -> None:
        raise TooManyRequests(retry_after=1)

    world.passwords.reset = throttled  # type: ignore[method-assign]  # as the adapter says it
    for _ in range(10):
        with pytest.raises(TooManyRequests):
            reset(world, "000000")
    assert world.sessions.authenticate(authorized(tokens.access_token), HOME)
    assert world.throttle.counts == [], "nothing was tried"


def test_the_refusal_of_what_follows_leaves_the_reset_standing(world: World, tokens: Tokens) -> None:
    code = code_of(world)
    world.clock.time += 5
    world.provider.locked = True
    with pytest.raises(TooManyRequests):
        reset(world, code)
    assert world.person.password == NEW
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(tokens.access_token), HOME)


@pytest.mark.parametrize(
    "change",
    [
        {"code": "12345"},
        {"code": "1234567"},
        {"code": "12345a"},
        {"code": 123456},
        {"phone_number": "+1"},
        {"code": None},
    ],
)
def test_a_body_has_a_code_of_six_digits(change: dict[str, object]) -> None:
    body = {"email": "a@b.test", "code": "123456", "new_password": NEW} | change
    with pytest.raises(InvalidInput) as refused:
        read(ResetPassword, json.dumps(body).encode())
    assert NEW not in str(refused.value)
    assert NEW not in repr(ResetPassword(email="a@b.test", code="123456", new_password=NEW))
