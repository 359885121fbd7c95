"""Signing in again and again so that text messages are sent, at the operator's cost or to the owner's annoyance.

Each right password may send one, and each choice of SMS_MFA. Both are limited to 30 an hour for an account and place,
all unknown places being one: through a compromised account no more than 30 an hour, and 30 for each place known to it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from phivault.errors import InvalidCredentials, TooManyRequests
from phivault.identity.challenge import challenge
from phivault.identity.limits import NUMBERS, Limit
from phivault.identity.provider import ChallengeName
from phivault.identity.sign_in import sign_in
from phivault.identity.source import Source
from tests.unit.identity.fakes import ELSEWHERE, HOME, World

MOST, WINDOW = NUMBERS[Limit.SIGN_IN]


def _asked(world: World, source: Source) -> bool:
    """Whether the provider was asked to begin a sign-in, which sends a message."""
    before = world.provider.calls
    try:
        asked = sign_in(world.identity, world.credentials(), source)
        if asked.challenge is ChallengeName.SELECT_MFA_TYPE:
            before = world.provider.calls
            challenge(world.identity, world.answer(asked, "SMS_MFA"), source)
    except TooManyRequests as refused:
        assert refused.retry_after  # noqa: PT017  (a refusal is one of two outcomes)
    return world.provider.calls > before


def _in_a_day(world: World, host: int = 0) -> int:
    """How many messages a day of trying sends, from one address or from many."""
    sent = 0
    for attempt in range(24 * 60):
        source = ELSEWHERE if not host else replace(ELSEWHERE, ip=f"203.0.{attempt // 256}.{attempt % 256}")
        sent += sum(_asked(world, source) for _ in range(3))
        world.clock.time += 60
    return sent


@pytest.mark.parametrize("many", [0, 1], ids=["one address", "many addresses"])
def test_through_right_passwords(world: World, many: int) -> None:
    world.person.challenge = ChallengeName.SMS_MFA
    sent = _in_a_day(world, many)
    assert 24 * MOST <= sent <= 25 * MOST  # 24 hours touch 25 windows


def test_through_the_choice_of_a_factor(world: World) -> None:
    world.person.challenge = ChallengeName.SELECT_MFA_TYPE
    sent = sum(_asked(world, ELSEWHERE) for _ in range(3 * MOST))
    assert sent <= MOST


def test_the_owner_at_a_known_place_is_not_kept_from_signing_in(world: World) -> None:
    challenge(world.identity, world.answer(sign_in(world.identity, world.credentials(), HOME)), HOME)
    while _asked(world, ELSEWHERE):
        pass
    assert _asked(world, HOME)


def test_wrong_passwords_use_up_nobodys_sign_ins(world: World) -> None:
    """Without the password four attempts get as far as the limit; the lock stops the others before it."""
    for _ in range(3 * MOST):
        with pytest.raises((InvalidCredentials, TooManyRequests)):
            sign_in(world.identity, world.credentials(password="wrong"), ELSEWHERE)
    spent = [count for name, count in world.throttle.spent.items() if name.startswith("sign-in#")]
    assert spent == [4]


def test_a_refused_sign_in_is_no_failure(world: World) -> None:
    while _asked(world, ELSEWHERE):
        pass
    assert world.throttle.counts == []
