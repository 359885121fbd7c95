"""Guessing codes with a stolen password.

An authenticator's code has six digits, and the codes of the step before and the next one pass, too: 3 in 10^6 a guess.
Whoever never stops has 29 guesses in a day at places that the account doesn't know, however many, and 35 at one that it
knows: odds of 1 in 11,000 and of 1 in 9,500 a day. Right passwords, new sessions
and chosen factors in between make no more guesses. What is refused for the lock is recorded as HIGH.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import InvalidCredentials, TooManyRequests
from phivault.identity.challenge import challenge
from phivault.identity.provider import Challenged, ChallengeName
from phivault.identity.sign_in import sign_in
from phivault.identity.source import Source
from tests.unit.identity.fakes import ELSEWHERE, HOME, World

HOUR, DAY = 3600, 24 * 3600
VALID_AT_ONCE, CODES = 3, 10**6


def _wrong(world: World) -> str:
    return f"{(int(world.person.code) + 1) % 10**6:06}"


def _guess(world: World, source: Source) -> None:
    """A right password, and a wrong code; through the choice of a factor where that is asked."""
    asked = sign_in(world.identity, world.credentials(), source)
    if asked.challenge is ChallengeName.SELECT_MFA_TYPE:
        chosen = challenge(world.identity, world.answer(asked, "SMS_MFA"), source)
        assert isinstance(chosen, Challenged)
        asked = chosen
    challenge(world.identity, world.answer(asked, _wrong(world)), source)


def _guesses(world: World, sources: Iterator[Source], seconds: int) -> list[float]:
    """When a code was looked at, of someone who asks again as soon as it is allowed."""
    start, looked_at = world.clock.time, []
    while world.clock.time < start + seconds:
        try:
            _guess(world, next(sources))
        except TooManyRequests as refused:
            assert refused.retry_after is not None  # noqa: PT017  (refusals are expected; when is what is measured)
            world.clock.time += refused.retry_after
        except InvalidCredentials:
            looked_at.append(world.clock.time - start)
    return looked_at


def _from_everywhere() -> Iterator[Source]:
    return (replace(ELSEWHERE, ip=f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1") for number in count())


@pytest.mark.parametrize("first", [ChallengeName.SOFTWARE_TOKEN_MFA, ChallengeName.SELECT_MFA_TYPE])
def test_the_odds_from_any_number_of_addresses(world: World, first: ChallengeName) -> None:
    world.person.challenge = first
    looked_at = _guesses(world, _from_everywhere(), DAY)
    assert len([at for at in looked_at if at < HOUR]) <= 6
    assert len(looked_at) <= 29
    assert len(looked_at) * VALID_AT_ONCE / CODES < 1 / 11_000


def test_the_odds_behind_the_owners_address(world: World) -> None:
    challenge(world.identity, world.answer(sign_in(world.identity, world.credentials(), HOME)), HOME)
    looked_at = _guesses(world, (HOME for _ in count()), DAY)
    assert len([at for at in looked_at if at < HOUR]) <= 12
    assert len(looked_at) <= 35
    assert len(looked_at) * VALID_AT_ONCE / CODES < 1 / 9_500


def test_a_week_of_guessing_gains_no_more_a_day(world: World) -> None:
    looked_at = _guesses(world, _from_everywhere(), 7 * DAY)
    days = [len([at for at in looked_at if day * DAY <= at < (day + 1) * DAY]) for day in range(7)]
    assert max(days) == days[0]


def test_it_is_seen(world: World) -> None:
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            _guess(world, ELSEWHERE)
    with pytest.raises(TooManyRequests):
        _guess(world, HOME)
    failed = [event for event in world.events if not event.success]
    assert [event.risk for event in failed] == [RiskLevel.MEDIUM] * 4 + [RiskLevel.HIGH]
    assert {event.action for event in failed} == {Action.CHALLENGE, Action.SIGN_IN}
