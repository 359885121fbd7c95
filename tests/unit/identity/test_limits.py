"""How often something may be asked for."""

from __future__ import annotations

import pytest

from phivault.errors import TooManyRequests, Unavailable
from phivault.identity.limits import NUMBERS, Limit
from tests.unit.identity.fakes import World


def _spend_all(world: World, limit: Limit, *keys: str) -> int:
    """How many pass at this instant."""
    for number in range(10_000):
        try:
            world.limits.spend(limit, *keys)
        except TooManyRequests:
            return number
    raise AssertionError("It has no limit")


def _wait(world: World, limit: Limit, *keys: str) -> int:
    with pytest.raises(TooManyRequests) as refused:
        world.limits.spend(limit, *keys)
    assert refused.value.retry_after
    return refused.value.retry_after


@pytest.mark.parametrize("limit", Limit)
def test_as_many_as_documented_then_until_the_window_ends(world: World, limit: Limit) -> None:
    most, seconds = NUMBERS[limit]
    world.clock.time += _until_turn(world, limit)
    assert _spend_all(world, limit, "key") == most
    wait = _wait(world, limit, "key")
    assert seconds - 2 <= wait <= seconds
    world.clock.time += wait - 1
    _wait(world, limit, "key")
    world.clock.time += 1
    world.limits.spend(limit, "key")


def _until_turn(world: World, limit: Limit) -> int:
    while not _spend_all(world, limit, "key"):
        world.clock.time += 1
    return _wait(world, limit, "key")


def test_refused_asking_does_not_prolong_the_wait(world: World) -> None:
    _spend_all(world, Limit.FORGOT, "key")
    first = _wait(world, Limit.FORGOT, "key")
    for _ in range(50):
        _wait(world, Limit.FORGOT, "key")
    assert _wait(world, Limit.FORGOT, "key") == first


def test_kinds_and_keys_are_counted_apart(world: World) -> None:
    _spend_all(world, Limit.EMAIL_CODE, "a@example.test")
    world.limits.spend(Limit.EMAIL_CODE, "b@example.test")
    world.limits.spend(Limit.FORGOT, "a@example.test")
    _spend_all(world, Limit.SIGN_IN, "ab", "c")
    world.limits.spend(Limit.SIGN_IN, "a", "bc")


def test_a_source_is_its_network(world: World) -> None:
    _spend_all(world, Limit.SIGN_UP, "2001:db8::1")
    _wait(world, Limit.SIGN_UP, "2001:db8::2")
    world.limits.spend(Limit.SIGN_UP, "2001:db8:0:1::1")


def test_a_key_that_is_no_source_is_taken_as_it_is(world: World) -> None:
    _spend_all(world, Limit.SMS_TENANT, "2001:db8::1")
    world.limits.spend(Limit.SMS_TENANT, "2001:db8::2")


def test_a_refund_is_taken_back_and_never_below_nothing(world: World) -> None:
    most, _ = NUMBERS[Limit.FORGOT]
    world.limits.refund(Limit.FORGOT, "key")
    world.limits.spend(Limit.FORGOT, "key")
    world.limits.refund(Limit.FORGOT, "key")
    assert _spend_all(world, Limit.FORGOT, "key") == most


def test_no_key_is_kept_in_clear(world: World) -> None:
    world.limits.spend(Limit.SMS_CODE, "+13035550123")
    assert "3035550123" not in repr(world.throttle.spent)


def test_fails_closed(world: World) -> None:
    world.throttle.down = True
    with pytest.raises(Unavailable):
        world.limits.spend(Limit.SIGN_UP, "key")
    world.limits.refund(Limit.SIGN_UP, "key")
