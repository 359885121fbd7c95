"""Guessing codes with a stolen password: neither new sessions nor right passwords make more guesses."""

from __future__ import annotations

import pytest

from phivault.errors import InvalidCredentials, TooManyRequests
from phivault.identity.challenge import challenge
from phivault.identity.provider import ChallengeName
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import HOME, World


def test_a_right_password_before_each_guess_does_not_reset_the_count(world: World) -> None:
    wrong = f"{(int(world.person.code) + 1) % 10**6:06}"
    for _ in range(5):
        challenged = sign_in(world.identity, world.credentials(), HOME)
        with pytest.raises(InvalidCredentials):
            challenge(world.identity, world.answer(challenged, wrong), HOME)
    with pytest.raises(TooManyRequests):
        sign_in(world.identity, world.credentials(), HOME)


def test_choosing_a_factor_before_each_guess_does_not_either(world: World) -> None:
    world.person.challenge = ChallengeName.SELECT_MFA_TYPE
    wrong = f"{(int(world.person.code) + 1) % 10**6:06}"
    for _ in range(5):
        challenged = sign_in(world.identity, world.credentials(), HOME)
        chosen = challenge(world.identity, world.answer(challenged, "SMS_MFA"), HOME)
        with pytest.raises(InvalidCredentials):
            challenge(world.identity, world.answer(chosen, wrong), HOME)  # type: ignore[arg-type]  # a Challenged
    with pytest.raises(TooManyRequests):
        sign_in(world.identity, world.credentials(), HOME)
