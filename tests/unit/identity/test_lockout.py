"""The schedule is the documented one; strangers share a count, a known place has its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from phivault.errors import (
    AccessDenied,
    InvalidCredentials,
    InvalidInput,
    PhivaultError,
    TooManyRequests,
    Unavailable,
)
from phivault.identity.limits import NUMBERS, Limit
from phivault.identity.lockout import KNOWN_FIRST_LOCK, STRANGERS, STRANGERS_FIRST_LOCK, lock_seconds
from phivault.identity.source import Source
from tests.unit.identity.fakes import ELSEWHERE, HOME, World

HOUR, DAY = 3600, 24 * 3600
ACCOUNT = "account"


def _from(ip: str) -> Source:
    return replace(ELSEWHERE, ip=ip)


def _fail(world: World, source: Source = ELSEWHERE, account: str = ACCOUNT) -> None:
    with pytest.raises(InvalidCredentials), world.identity.lockout.counting(account, source):
        raise InvalidCredentials


def _pass(world: World, source: Source = ELSEWHERE) -> str:
    with world.identity.lockout.counting(ACCOUNT, source) as who:
        return who


def _locked(world: World, source: Source = ELSEWHERE) -> int:
    """For how long the account is locked to ``source``, without leaving a trace; 0 if it isn't."""
    try:
        with world.identity.lockout.counting(ACCOUNT, source):
            return 0
    except TooManyRequests as refused:
        return refused.retry_after or 0


@contextmanager
def _untouched(world: World) -> Iterator[None]:
    before = world.throttle.counts
    yield
    assert world.throttle.counts == before


@pytest.mark.parametrize(
    ("failures", "strangers", "known"),
    [
        (0, 0, 0),
        (3, 0, 0),
        (4, 16 * 60, 8),
        (5, 32 * 60, 16),
        (6, HOUR, 32),
        (8, HOUR, 128),
        (12, HOUR, 2048),
        (13, HOUR, HOUR),
        (10**9, HOUR, HOUR),
    ],
)
def test_schedule(failures: int, strangers: int, known: int) -> None:
    assert lock_seconds(failures, STRANGERS_FIRST_LOCK) == strangers
    assert lock_seconds(failures, KNOWN_FIRST_LOCK) == known


@pytest.mark.parametrize(("known", "in_an_hour", "in_a_day"), [(False, 6, 29), (True, 12, 35)])
def test_the_odds_of_whoever_never_stops(world: World, known: bool, in_an_hour: int, in_a_day: int) -> None:
    if known:
        world.identity.lockout.clear(ACCOUNT, ELSEWHERE)
    start, guesses = world.clock.time, []
    while world.clock.time < start + DAY:
        try:
            with world.identity.lockout.counting(ACCOUNT, ELSEWHERE):
                guesses.append(world.clock.time - start)
                raise InvalidCredentials
        except TooManyRequests as refused:
            world.clock.time += refused.retry_after or 0
        except InvalidCredentials:
            pass
    assert len([at for at in guesses if at < HOUR]) == in_an_hour
    assert len(guesses) == in_a_day


def test_strangers_share_a_count_and_a_known_place_has_its_own(world: World) -> None:
    world.identity.lockout.clear(ACCOUNT, HOME)
    for host in range(4):
        _fail(world, _from(f"203.0.113.{host}"))
    assert _locked(world, _from("203.0.113.200")) == STRANGERS_FIRST_LOCK + 1  # whole seconds, at a quarter of one
    assert _locked(world, HOME) == 0
    for _ in range(4):
        _fail(world, HOME)
    assert KNOWN_FIRST_LOCK <= _locked(world, HOME) <= KNOWN_FIRST_LOCK + 1


def test_other_accounts_are_not_meant(world: World) -> None:
    for _ in range(4):
        _fail(world)
    _fail(world, account="another")


def test_a_place_is_known_for_thirty_days(world: World) -> None:
    world.identity.lockout.clear(ACCOUNT, HOME)
    assert _pass(world, HOME) != STRANGERS
    world.clock.time += 30 * DAY + 1
    assert _pass(world, HOME) == STRANGERS


def test_a_place_is_known_to_one_account(world: World) -> None:
    world.identity.lockout.clear(ACCOUNT, HOME)
    with world.identity.lockout.counting("another", HOME) as who:
        assert who == STRANGERS


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_a_place_is_a_network(world: World, one: str, other: str, same: bool) -> None:
    world.identity.lockout.clear(ACCOUNT, _from(one))
    assert (_pass(world, _from(other)) != STRANGERS) is same


def test_a_full_sign_in_from_a_new_place_ends_the_strangers_count(world: World) -> None:
    for _ in range(3):
        _fail(world)
    world.identity.lockout.clear(ACCOUNT, ELSEWHERE)
    assert world.throttle.counts == []


def test_a_full_sign_in_from_a_known_place_ends_its_own_count_alone(world: World) -> None:
    world.identity.lockout.clear(ACCOUNT, HOME)
    _fail(world, HOME)
    for _ in range(3):
        _fail(world)
    world.identity.lockout.clear(ACCOUNT, HOME)
    assert world.throttle.counts == [3]


def test_a_day_without_an_attempt_forgets(world: World) -> None:
    for _ in range(4):
        _fail(world)
    world.clock.time += DAY + 1
    for _ in range(4):
        _fail(world)
    assert _locked(world)


def test_attempts_at_a_known_place_let_strangers_wait_from_then(world: World) -> None:
    world.identity.lockout.clear(ACCOUNT, HOME)
    for _ in range(4):
        _fail(world)
    world.clock.time += 15 * 60
    _pass(world, HOME)
    assert _locked(world) > 15 * 60


@pytest.mark.parametrize("error", [AccessDenied(), InvalidInput(), Unavailable(), TooManyRequests(retry_after=7)])
def test_what_shows_nothing_wrong_is_given_back(world: World, error: PhivaultError) -> None:
    with _untouched(world), pytest.raises(type(error)) as seen, world.identity.lockout.counting(ACCOUNT, ELSEWHERE):
        raise error
    assert seen.value is error


def test_a_fault_of_ours_stays_counted(world: World) -> None:
    with pytest.raises(ZeroDivisionError), world.identity.lockout.counting(ACCOUNT, ELSEWHERE):
        raise ZeroDivisionError
    assert world.throttle.counts == [1]


def test_a_right_answer_unlocks_what_its_own_reservation_locked(world: World) -> None:
    for _ in range(3):
        _fail(world)
    for _ in range(3):
        _pass(world)
    assert world.throttle.counts == [3]
    _fail(world)
    assert _locked(world)


def test_an_attempt_under_way_counts(world: World) -> None:
    for _ in range(3):
        _fail(world)
    with world.identity.lockout.counting(ACCOUNT, ELSEWHERE):
        assert _locked(world) > 0
    assert _locked(world) == 0


def test_a_lock_of_the_provider_says_when_to_come_back_and_grows(world: World) -> None:
    world.identity.lockout.clear(ACCOUNT, HOME)
    waits = []
    for _ in range(3):
        with pytest.raises(TooManyRequests) as refused, world.identity.lockout.counting(ACCOUNT, HOME):
            raise TooManyRequests
        waits.append(refused.value.retry_after)
        _fail(world, HOME)
    assert waits == [1, 2, 4]


def test_one_source_over_all_accounts(world: World) -> None:
    most, seconds = NUMBERS[Limit.FAILURES_SOURCE]
    world.identity.lockout.clear(ACCOUNT, ELSEWHERE)
    for number in range(most):
        _fail(world, account=f"account-{number}")
    with pytest.raises(TooManyRequests) as refused, world.identity.lockout.counting("next", ELSEWHERE):
        pytest.fail("The provider was asked")
    assert refused.value.retry_after
    assert refused.value.retry_after <= seconds
    assert _pass(world, ELSEWHERE)  # who is at home there goes on
    _fail(world, HOME, "next")


def test_right_answers_and_locked_accounts_cost_a_source_nothing(world: World) -> None:
    for _ in range(4):
        _fail(world)
    for _ in range(3):
        _pass(world, HOME) if not _locked(world, HOME) else None
    assert sum(world.throttle.spent.values()) == 4


def test_nothing_is_asked_while_the_table_is_down(world: World) -> None:
    world.throttle.down = True
    with pytest.raises(Unavailable), world.identity.lockout.counting(ACCOUNT, ELSEWHERE):
        pytest.fail("The provider was asked")


def test_a_reservation_without_an_answer_asks_nothing_and_stays(world: World) -> None:
    original = world.throttle.swap

    def lost(*given: object, **named: object) -> bool:
        original(*given, **named)  # type: ignore[arg-type]  # passed through
        raise Unavailable

    world.throttle.swap = lost  # type: ignore[method-assign]  # the fault
    with pytest.raises(Unavailable), world.identity.lockout.counting(ACCOUNT, ELSEWHERE):
        pytest.fail("The provider was asked")
    assert world.throttle.counts == [1]


def test_a_reservation_that_cannot_be_given_back_hides_no_success(world: World) -> None:
    with world.identity.lockout.counting(ACCOUNT, ELSEWHERE):
        world.throttle.down = True
    assert world.throttle.counts == [1]


def test_whoever_always_comes_second_is_sent_away(world: World) -> None:
    world.throttle.swap = lambda *given, **named: False  # type: ignore[method-assign]  # another is always first
    with pytest.raises(TooManyRequests) as refused, world.identity.lockout.counting(ACCOUNT, ELSEWHERE):
        pytest.fail("The provider was asked")
    assert refused.value.retry_after == 1
