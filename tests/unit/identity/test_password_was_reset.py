"""After a reset at Cognito: sessions end first, then it is recorded, then the user is told."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import Unauthenticated, Unavailable
from phivault.identity.messages import Purpose
from phivault.identity.password_was_reset import password_was_reset
from phivault.identity.provider import Tokens
from phivault.identity.trigger import Asked, Refused, RefusedUnavailable, read
from tests.support.trigger_events import trigger_event
from tests.unit.identity.fakes import HOME, World, authorized

RESET = "PostConfirmation_ConfirmForgotPassword"


@pytest.fixture
def asked(world: World) -> Asked:
    event = trigger_event(RESET, email=world.person.email) | {"userName": world.person.sub}
    return read(event, "request-1")


def run(world: World, asked: Asked) -> None:
    password_was_reset(asked, world.sessions, world.recorder, world.messenger, world.clock)


def _dead(world: World, tokens: Tokens) -> bool:
    try:
        world.sessions.authenticate(authorized(tokens.access_token), HOME)
    except Unauthenticated:
        return True
    return False


def test_sessions_end_and_the_user_is_told(world: World, asked: Asked, tokens: Tokens) -> None:
    before = len(world.events)
    world.clock.time += 5
    run(world, asked)
    assert _dead(world, tokens)
    reset, telling = world.events[before : before + 2]
    assert (reset.action, reset.success, reset.risk) == (Action.PASSWORD_RESET, True, RiskLevel.HIGH)
    assert "sessions:ended:1" in reset.flags
    assert (reset.user_id, reset.tenant) == (world.person.sub, "tenant-a")
    assert (telling.action, telling.resource, telling.resource_id) == (
        Action.CODE_SEND,
        "Message",
        Purpose.PASSWORD_RESET,
    )
    ((to, message),) = world.messenger.emails
    assert (to, message.purpose) == (world.person.email, Purpose.PASSWORD_RESET)
    assert world.messenger.texts == []


def test_run_twice_it_does_no_harm(world: World, asked: Asked, tokens: Tokens) -> None:
    world.clock.time += 5
    run(world, asked)
    run(world, asked)
    assert _dead(world, tokens)
    counts = [flag for event in world.events for flag in event.flags if flag.startswith("sessions:ended")]
    assert counts == ["sessions:ended:1", "sessions:ended:0"]


def test_sessions_end_even_if_nothing_can_be_recorded(world: World, asked: Asked, tokens: Tokens) -> None:
    world.clock.time += 5
    world.events_store.down = True
    with pytest.raises(RefusedUnavailable):
        run(world, asked)
    world.events_store.down = False
    assert _dead(world, tokens)
    assert world.messenger.emails == []


def test_sessions_that_cannot_be_ended_raise_an_alert(world: World, asked: Asked) -> None:
    world.state.down = True
    with pytest.raises(RefusedUnavailable):
        run(world, asked)
    (event,) = world.events
    assert (event.action, event.error, event.risk) == (Action.PASSWORD_RESET, "unavailable", RiskLevel.HIGH)


def test_an_event_that_names_nobody_is_no_success(world: World, asked: Asked, tokens: Tokens) -> None:
    with pytest.raises(Refused):
        run(world, read({**asked.event, "userName": "clinician@example.test"}, "request-1"))
    event = world.events[-1]
    assert (event.action, event.success, event.risk) == (Action.PASSWORD_RESET, False, RiskLevel.CRITICAL)
    assert not _dead(world, tokens)


def test_a_notice_that_does_not_leave_is_recorded_and_undoes_nothing(
    world: World, asked: Asked, tokens: Tokens
) -> None:
    world.clock.time += 5
    world.messenger.down = True
    run(world, asked)
    last = world.events[-1]
    assert _dead(world, tokens)
    assert (last.action, last.error) == (Action.CODE_SEND, Unavailable.code)


def test_an_account_that_confirmed_itself_is_refused_and_recorded(world: World, tokens: Tokens) -> None:
    before = len(world.events)
    event = trigger_event("PostConfirmation_ConfirmSignUp") | {"userName": world.person.sub}
    with pytest.raises(Refused, match="denied"):
        run(world, read(event, "request-1"))
    (recorded,) = world.events[before:]
    assert (recorded.action, recorded.error, recorded.risk) == (Action.ACCOUNT_CREATE, "denied", RiskLevel.HIGH)
    assert not _dead(world, tokens)
