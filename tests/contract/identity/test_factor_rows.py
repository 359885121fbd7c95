"""What the stores of factors promise, kept by the fake and by DynamoDB alike."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from phivault.adapters.aws import client
from phivault.adapters.dynamodb_factors import DynamoFactors
from phivault.errors import Unavailable
from phivault.identity.factors import EnrolmentUnderWay, Factors
from tests.unit.identity.factor_fakes import MemoryFactors
from tests.unit.identity.fakes import Clock

type Rows = MemoryFactors | DynamoFactors


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "dynamodb"])
def rows(request: pytest.FixtureRequest, clock: Clock) -> Rows:
    if request.param == "memory":
        return MemoryFactors(clock)
    return DynamoFactors(request.getfixturevalue("table"), now=clock)


@pytest.fixture
def user() -> str:
    return secrets.token_hex(16)


def test_nobody_ever_had_a_factor_who_has_no_row(rows: Rows, user: str) -> None:
    assert rows.factors(user) == Factors()


def test_each_fact_is_kept_beside_the_others(rows: Rows, user: str, clock: Clock) -> None:
    rows.phone_was_verified(user)
    rows.replace_recovery_codes(user, {"a", "b"})
    rows.allow_enrolment(user, "s-1", int(clock()) + 9)
    assert rows.factors(user) == Factors(
        phone_verified=True, recovery_codes=frozenset("ab"), enrolment="s-1", enrolment_until=int(clock()) + 9
    )
    rows.enrolled(user)
    assert rows.factors(user) == Factors(enrolled=True, phone_verified=True, recovery_codes=frozenset("ab"))


def test_a_permission_moves_from_whoever_has_it_while_it_lasts(rows: Rows, user: str, clock: Clock) -> None:
    assert not rows.move_enrolment(user, "s-1", "s-2")
    rows.allow_enrolment(user, "s-1", int(clock()) + 9)
    assert not rows.move_enrolment(user, "s-0", "s-2")
    assert rows.move_enrolment(user, "s-1", "s-2")
    assert not rows.move_enrolment(user, "s-1", "s-3")
    assert rows.factors(user).enrolment == "s-2"
    clock.time += 10
    assert not rows.move_enrolment(user, "s-2", "s-3")


def test_asking_for_a_move_makes_no_row(rows: Rows, user: str) -> None:
    rows.move_enrolment(user, "", "s-1")
    assert rows.factors(user) == Factors()


def test_what_is_lost_counts_no_more(rows: Rows, user: str) -> None:
    rows.phone_was_verified(user)
    rows.replace_recovery_codes(user, {"a"})
    rows.factors_lost(user, codes=False)
    assert rows.factors(user) == Factors(recovery_codes=frozenset("a"))
    rows.factors_lost(user, codes=True)
    assert rows.factors(user) == Factors()


def test_a_code_is_taken_once(rows: Rows, user: str) -> None:
    assert not rows.take_recovery_code(user, "a")
    rows.replace_recovery_codes(user, {"a", "b"})
    assert rows.take_recovery_code(user, "a")
    assert not rows.take_recovery_code(user, "a")
    assert rows.factors(user).recovery_codes == {"b"}
    assert rows.take_recovery_code(user, "b"), "the last one, too"
    assert rows.factors(user).recovery_codes == frozenset()


def test_of_many_at_once_one_takes_the_code(table: str, user: str) -> None:
    rows = DynamoFactors(table)
    rows.replace_recovery_codes(user, {"a", "b"})
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: rows.take_recovery_code(user, "a"), range(8)))
    assert taken.count(True) == 1


def test_a_grant_is_one_users_and_ends(rows: Rows, user: str, clock: Clock) -> None:
    nonce = secrets.token_hex(32)
    assert rows.granted(nonce) == ""
    rows.grant(nonce, user, int(clock()) + 9)
    assert rows.granted(nonce) == rows.granted(nonce) == user
    rows.revoke(nonce)
    rows.revoke(nonce)
    assert rows.granted(nonce) == ""
    rows.grant(nonce, user, int(clock()) + 9)
    clock.time += 10
    assert rows.granted(nonce) == ""


def test_an_enrolment_is_one_sessions_and_ends(rows: Rows, user: str, clock: Clock) -> None:
    under_way = EnrolmentUnderWay("session-1", os.urandom(100))
    assert rows.attempt(user, "session-1", 3) is None
    rows.begin(user, under_way, int(clock()) + 9)
    assert rows.attempt(user, "session-2", 3) is None
    assert rows.attempt(user, "session-1", 3) == under_way
    rows.finish(user)
    rows.finish(user)
    assert rows.attempt(user, "session-1", 3) is None
    rows.begin(user, under_way, int(clock()) + 9)
    clock.time += 10
    assert rows.attempt(user, "session-1", 3) is None


def test_tries_are_counted_and_a_new_beginning_has_its_own(rows: Rows, user: str, clock: Clock) -> None:
    under_way = EnrolmentUnderWay("session-1", b"sealed")
    rows.begin(user, under_way, int(clock()) + 9)
    assert [rows.attempt(user, "session-1", 2) for _ in range(3)] == [under_way, under_way, None]
    rows.begin(user, under_way, int(clock()) + 9)
    assert rows.attempt(user, "session-1", 2) == under_way


def test_no_more_tries_pass_at_once(table: str, user: str) -> None:
    rows = DynamoFactors(table, now=lambda: 0.0)
    rows.begin(user, EnrolmentUnderWay("session-1", b"sealed"), 9)
    with ThreadPoolExecutor(8) as pool:
        tried = list(pool.map(lambda _: rows.attempt(user, "session-1", 3), range(8)))
    assert len([each for each in tried if each]) == 3


def test_no_answer_is_no_permission(monkeypatch: pytest.MonkeyPatch, table: str, user: str) -> None:
    from phivault.adapters.aws import forget_clients

    client("dynamodb")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    forget_clients()
    try:
        with pytest.raises(Unavailable):
            DynamoFactors(table).factors(user)
        with pytest.raises(Unavailable):
            DynamoFactors(table).take_recovery_code(user, "a")
        with pytest.raises(Unavailable):
            DynamoFactors(table).granted("n")
    finally:
        monkeypatch.undo()
        forget_clients()
