"""Finding out who has an account: every wrong answer looks the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from phivault.errors import PhivaultError
from phivault.identity import inputs
from phivault.identity.sign_in import sign_in
from tests.support.accounts import Account
from tests.support.sources import client_from, somewhere
from tests.unit.identity.fakes import HOME, World

if TYPE_CHECKING:
    from tests.support.stack import RunningStack


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
    assert world.throttle.counts == [4]


def test_answers_are_alike_on_the_running_stack(stack: RunningStack) -> None:
    """Status, body and headers, for wrong passwords and then for the lock; a second of difference in Retry-After and
    Date is the clock's."""
    account = Account(stack, "clinician", stack.tenants[0])
    passing = {"x-request-id", "date", "retry-after"}
    for _ in range(7):
        answers = []
        for email in (account.email, "nobody-" + account.email):
            with client_from(stack, somewhere()) as client:
                answers.append(client.post("/auth/sign-in", json={"email": email, "password": "wrong"}))
        one, other = answers
        assert (one.status_code, one.content) == (other.status_code, other.content)
        assert one.headers.keys() == other.headers.keys()
        assert {n for n in one.headers if one.headers[n] != other.headers[n]} <= passing
        assert abs(int(one.headers.get("retry-after", 0)) - int(other.headers.get("retry-after", 0))) <= 2
    assert one.status_code == 429
