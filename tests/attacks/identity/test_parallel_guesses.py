"""Guesses at the same instant: each is reserved before it is asked, so that no more of them pass than one by one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from phivault.errors import InvalidCredentials, TooManyRequests
from phivault.identity.challenge import challenge
from phivault.identity.lockout import Standing
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.sign_in import sign_in
from phivault.identity.source import Source
from tests.support.accounts import Account
from tests.support.sources import client_from
from tests.unit.identity.fakes import ELSEWHERE, HOME, Clock, FakeProvider, World

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

GUESSES = 16


class SlowProvider(FakeProvider):
    """Answers no guess before all that come have come; ``asked`` are those that it looked at."""

    def __init__(self, now: Clock) -> None:
        super().__init__(now)
        self.asked: list[str] = []
        self.slow = False
        self.everybody = threading.Event()

    def initiate(self, email: str, password: str) -> Challenged:
        self._wait(password)
        return super().initiate(email, password)

    def respond(self, name: ChallengeName, session: str, email: str, answer: str) -> Challenged | Tokens:
        self._wait(answer)
        return super().respond(name, session, email, answer)

    def _wait(self, guess: str) -> None:
        if self.slow:
            self.asked.append(guess)
            self.everybody.wait(10)


@pytest.fixture
def slow(world: World) -> SlowProvider:
    provider = SlowProvider(world.clock)
    provider.people = world.provider.people
    world.identity = replace(world.identity, provider=provider)
    return provider


def _all_at_once(world: World, slow: SlowProvider, source: Source, challenged: Challenged | None = None) -> list[str]:
    """What becomes of each guess; ``challenged`` is a sign-in whose code is guessed, instead of a password."""
    refused = threading.Semaphore(0)

    def guess(number: int) -> str:
        place = replace(source, ip=source.ip if source is HOME else f"203.0.113.{number}")
        try:
            if challenged is None:
                sign_in(world.identity, world.credentials(password=f"wrong-{number}"), place)
            else:
                wrong = f"{(int(world.person.code) + 1 + number) % 10**6:06}"
                challenge(world.identity, world.answer(challenged, wrong), place)
        except TooManyRequests:
            refused.release()
            return "refused"
        except InvalidCredentials:
            return "wrong"
        return "passed"

    slow.slow = True
    with ThreadPoolExecutor(GUESSES) as pool:
        outcomes = [pool.submit(guess, number) for number in range(GUESSES)]
        # All but those that wait inside the provider were refused; if more than four got in, this times out.
        for _ in range(GUESSES - 4):
            refused.acquire(timeout=5)
        slow.everybody.set()
        return [outcome.result() for outcome in outcomes]


@pytest.mark.parametrize("source", [HOME, ELSEWHERE], ids=["known place", "strangers"])
def test_passwords(world: World, slow: SlowProvider, source: Source) -> None:
    if source is HOME:
        challenge(world.identity, world.answer(sign_in(world.identity, world.credentials(), HOME)), HOME)
    outcomes = _all_at_once(world, slow, source)
    assert len(slow.asked) <= 4
    assert outcomes.count("wrong") == len(slow.asked) > 0
    assert outcomes.count("passed") == 0


def test_when_all_have_read_before_any_has_written(world: World, slow: SlowProvider) -> None:
    read, everybody, look = threading.local(), threading.Barrier(GUESSES), world.throttle.standing

    def standing(account: str, place: str, at: float) -> Standing:
        found = look(account, place, at)
        if not getattr(read, "once", False):
            read.once = True
            everybody.wait(10)
        return found

    world.throttle.standing = standing  # type: ignore[method-assign]  # an interleaving, made to happen
    outcomes = _all_at_once(world, slow, ELSEWHERE)
    assert len(slow.asked) <= 4
    assert outcomes.count("wrong") == len(slow.asked) > 0


def test_codes(world: World, slow: SlowProvider) -> None:
    challenged = sign_in(world.identity, world.credentials(), ELSEWHERE)
    outcomes = _all_at_once(world, slow, ELSEWHERE, challenged)
    assert len(slow.asked) <= 4
    assert outcomes.count("wrong") == len(slow.asked) > 0


def test_after_the_lock_one_at_a_time(world: World, slow: SlowProvider) -> None:
    _all_at_once(world, slow, ELSEWHERE)
    for _ in range(4 - len(slow.asked)):
        with pytest.raises(InvalidCredentials):
            sign_in(world.identity, world.credentials(password="wrong"), ELSEWHERE)
    world.clock.time += 3601
    slow.asked.clear()
    slow.everybody.clear()
    outcomes = _all_at_once(world, slow, ELSEWHERE)
    assert (len(slow.asked), outcomes.count("refused")) == (1, GUESSES - 1)


def test_on_the_running_stack(stack: RunningStack) -> None:
    account = Account(stack, "clinician", stack.tenants[0])

    def guess(number: int) -> int:
        with client_from(stack) as client:
            body = {"email": account.email, "password": f"wrong-{number}"}
            return client.post("/auth/sign-in", json=body).status_code

    with ThreadPoolExecutor(GUESSES) as pool:
        answers = list(pool.map(guess, range(GUESSES)))
    assert set(answers) == {401, 429}
    assert answers.count(401) <= 4
