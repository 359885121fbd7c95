"""Finding out who has an account: every wrong answer looks the same."""

from __future__ import annotations

import pytest

from phivault.errors import PhivaultError
from phivault.identity import inputs
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import HOME, World


def _answers(world: World, email: str, times: int) -> list[tuple[object, ...]]:
    answers: list[tuple[object, ...]] = []
    for _ in range(times):
        with pytest.raises(PhivaultError) as refused:
            sign_in(world.identity, inputs.SignIn(email=email, password="wrong"), HOME)
        error = refused.value
        answers.append((type(error), error.detail, str(error), error.retry_after))
    return answers


def test_known_and_unknown_accounts_answer_and_lock_alike() -> None:
    world = World()
    known = _answers(world, world.person.email, 8)
    unknown = _answers(world, "nobody@example.test", 8)
    assert known == unknown
    assert known[-1][0] is not known[0][0]


def test_the_log_names_no_user_either() -> None:
    world = World()
    _answers(world, world.person.email, 1)
    _answers(world, "nobody@example.test", 1)
    first, second = world.events
    assert (first.user_id, first.error, first.risk) == (second.user_id, second.error, second.risk)


def test_spelling_an_address_differently_is_no_fresh_start() -> None:
    world = World()
    for spelling in ("clinician@example.test", "CLINICIAN@example.test", " Clinician@Example.Test "):
        _answers(world, spelling, 2)
    assert [failures.count for failures, _ in world.state.failed.values()] == [5]
