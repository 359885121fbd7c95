"""Failing on purpose, so that the owner is locked out: by our lock, or by making Cognito's own count five failures."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from phivault.errors import InvalidCredentials, TooManyRequests
from phivault.identity import inputs
from phivault.identity.challenge import challenge
from phivault.identity.provider import Tokens
from phivault.identity.sign_in import sign_in
from phivault.identity.source import Source
from tests.support.accounts import Account, cognito
from tests.support.answers import ok, refused
from tests.support.locking_provider import LockingProvider
from tests.support.sources import client_from, somewhere
from tests.unit.identity.fakes import ELSEWHERE, HOME, World

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

DAY = 24 * 3600


@pytest.fixture
def provider(world: World) -> LockingProvider:
    """In the place of the world's own, with a lock that counts as Cognito's does."""
    provider = LockingProvider(world.clock)
    provider.people = world.provider.people
    world.identity = replace(world.identity, provider=provider)
    return provider


def _signs_in(world: World, source: Source = HOME) -> None:
    answer = challenge(world.identity, world.answer(sign_in(world.identity, world.credentials(), source)), source)
    assert isinstance(answer, Tokens)


def _attacks(world: World, source: Source) -> int:
    """One wrong password; for how long one is refused then."""
    try:
        sign_in(world.identity, world.credentials(password="wrong"), source)
    except InvalidCredentials:
        return 0
    except TooManyRequests as refusal:
        return refusal.retry_after or 0
    raise AssertionError("A wrong password passed")


def _stranger(dice: random.Random) -> Source:
    return replace(ELSEWHERE, ip=f"203.0.{dice.randrange(256)}.{dice.randrange(256)}")


@pytest.mark.parametrize("seed", range(5))
def test_strangers_never_make_the_provider_lock(world: World, provider: LockingProvider, seed: int) -> None:
    """A day of wrong passwords from everywhere, as often as it goes or at random; the owner comes and goes, and leaves
    sign-ins unfinished."""
    dice = random.Random(seed)
    _signs_in(world)
    end = world.clock.time + DAY
    while world.clock.time < end:
        wait = _attacks(world, _stranger(dice))
        world.clock.time += dice.choice((0.0, 0.0, 1.0, wait - 1.0, wait, 60.0, 901.0, 1000.0)) if wait else 0.0
        if dice.random() < 0.2:
            sign_in(world.identity, world.credentials(), HOME)
        if dice.random() < 0.1:
            _signs_in(world)
    assert provider.met == 0
    assert provider.worst < 5


def test_a_sign_in_that_the_owner_left_unfinished_keeps_the_providers_count(
    world: World, provider: LockingProvider
) -> None:
    """There was no quarter of an hour without an attempt: four failures still stand when the strangers come again."""
    _signs_in(world)
    for _ in range(4):
        assert _attacks(world, ELSEWHERE) == 0
    wait = _attacks(world, ELSEWHERE)
    world.clock.time += 600
    sign_in(world.identity, world.credentials(), HOME)
    world.clock.time += wait - 600
    assert _attacks(world, ELSEWHERE) > 0
    assert (provider.worst, provider.met) == (4, 0)


def test_the_owner_at_a_known_place_signs_in_at_every_moment_of_the_attack(
    world: World, provider: LockingProvider
) -> None:
    _signs_in(world)
    dice = random.Random(1)
    for _ in range(100):
        for _ in range(5):
            _attacks(world, _stranger(dice))
        _signs_in(world)
        world.clock.time += 180


def test_the_owner_may_mistype_while_attacked(world: World, provider: LockingProvider) -> None:
    """Cognito's count has the strangers' four failures and the owner's own: it locks for a second, then for two."""
    _signs_in(world)
    for _ in range(4):
        _attacks(world, ELSEWHERE)
    for _ in range(2):
        assert _attacks(world, HOME) == 0
        world.clock.time += 2
    _signs_in(world)


def test_a_right_password_keeps_no_count_alive(world: World, provider: LockingProvider) -> None:
    """Whoever has the password alternates it with wrong codes, to keep Cognito's count from being forgotten."""
    _signs_in(world)
    end = world.clock.time + DAY
    while world.clock.time < end:
        try:
            asked = sign_in(world.identity, world.credentials(), ELSEWHERE)
            world.clock.time += 14 * 60
            challenge(world.identity, world.answer(asked, "000000"), ELSEWHERE)
        except InvalidCredentials:
            world.clock.time += 1
        except TooManyRequests as refusal:
            world.clock.time += refusal.retry_after or 0
    assert provider.met == 0
    assert provider.worst < 5
    _signs_in(world)


def test_accounts_that_do_not_exist_are_locked_alike(world: World, provider: LockingProvider) -> None:
    def answers(email: str) -> list[tuple[type, int | None]]:
        seen: list[tuple[type, int | None]] = []
        for host in range(8):
            source = replace(ELSEWHERE, ip=f"203.0.113.{host}")
            with pytest.raises((InvalidCredentials, TooManyRequests)) as refusal:
                sign_in(world.identity, inputs.SignIn(email=email, password="wrong"), source)
            seen.append((type(refusal.value), refusal.value.retry_after))
        return seen

    assert answers(world.person.email) == answers("nobody@example.test")


def test_on_the_running_stack(stack: RunningStack) -> None:
    account = Account(stack, "clinician", stack.tenants[0])
    with client_from(stack, somewhere()) as home:
        account.client = home
        account.tokens()
        answers = []
        for _ in range(8):
            with client_from(stack) as stranger:
                body = {"email": account.email, "password": "wrong"}
                answers.append(stranger.post("/auth/sign-in", json=body))
        assert [answer.status_code for answer in answers] == [401] * 4 + [429] * 4
        assert 900 < int(answers[-1].headers["Retry-After"]) <= 961
        assert "failed attempts" in refused(answers[-1], 429)
        # Cognito isn't locked: past us, too, the right password is taken.
        facts = stack.facts["cognito"]
        asked = cognito(stack).admin_initiate_auth(
            UserPoolId=facts["user_pool_id"],
            ClientId=facts["client_id"],
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": account.email, "PASSWORD": account.password},
        )
        assert asked["ChallengeName"] == "SMS_MFA"
        assert ok(account.api(account.tokens()).get("/me"))["email"] == account.email
