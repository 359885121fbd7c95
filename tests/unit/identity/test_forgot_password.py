"""Asking for a code: the same for everybody, recorded before it leaves, limited."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action
from phivault.errors import InvalidInput, TooManyRequests, Unavailable
from phivault.identity.forgot_password import ANSWER_SECONDS, ForgotPassword, forgot_password
from phivault.identity.limits import NUMBERS, Limit
from phivault.inputs import read
from tests.unit.identity.fakes import HOME, World


def ask(world: World, email: str = "") -> list[float]:
    slept: list[float] = []
    forgot_password(world.identity, ForgotPassword(email=email or world.person.email), HOME, sleep=slept.append)
    return slept


def test_a_user_gets_a_code_and_it_is_recorded_first(world: World) -> None:
    world.passwords.before = lambda: assert_recorded(world)
    ask(world)
    assert list(world.passwords.codes) == [world.person.email]
    (event,) = world.events
    assert (event.action, event.success, event.tenant, event.user_id) == (Action.PASSWORD_FORGOT, True, "-", "")
    assert world.opened(event)["user_email"] == world.person.email


def assert_recorded(world: World) -> None:
    assert [event.action for event in world.events] == [Action.PASSWORD_FORGOT]


def test_nobody_gets_none_and_the_answer_is_no_other(world: World) -> None:
    assert ask(world, "nobody@example.test")
    assert world.passwords.codes == {}
    first, second = world.events
    assert (first.success, second.error) == (True, "invalid-credentials")


def test_it_takes_as_long_for_everybody(world: World) -> None:
    for slept in (ask(world), ask(world, "nobody@example.test")):
        assert slept == [pytest.approx(ANSWER_SECONDS, abs=0.5)]


def test_nothing_leaves_unrecorded(world: World) -> None:
    world.events_store.down = True
    with pytest.raises(Unavailable):
        ask(world)
    assert world.passwords.calls == []


def test_a_provider_that_is_down_is_told_and_recorded(world: World) -> None:
    world.passwords.down = True
    with pytest.raises(Unavailable):
        ask(world)
    assert [event.error for event in world.events] == ["", "unavailable"]


@pytest.mark.parametrize("email", ["", "nobody@example.test"])
def test_an_address_gets_few(world: World, email: str) -> None:
    most, _ = NUMBERS[Limit.FORGOT]
    for _ in range(most):
        ask(world, email)
    with pytest.raises(TooManyRequests) as refused:
        ask(world, email)
    assert refused.value.retry_after
    assert world.passwords.calls.count("send_code") == most
    assert world.events[-1].error == "too-many-requests"


def test_a_source_gets_few_over_all_addresses(world: World) -> None:
    most, _ = NUMBERS[Limit.FORGOT_SOURCE]
    for number in range(most):
        ask(world, f"somebody{number}@example.test")
    with pytest.raises(TooManyRequests):
        ask(world)


@pytest.mark.parametrize("body", [b"{}", b'{"email": "x"}', b'{"email": "a@b.test", "phone_number": "+1"}', b"[]"])
def test_a_body_is_an_address_alone(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read(ForgotPassword, body)
