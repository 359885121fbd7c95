from __future__ import annotations

import pytest

from phivault.identity.challenge import challenge
from phivault.identity.provider import Tokens
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import HOME, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def tokens(world: World) -> Tokens:
    """The clinician has signed in from home."""
    answer = challenge(world.identity, world.answer(sign_in(world.identity, world.credentials(), HOME)), HOME)
    assert isinstance(answer, Tokens)
    return answer
