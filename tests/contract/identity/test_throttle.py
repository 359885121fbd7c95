"""What FailureStore and LimitStore promise, kept by the fake and by DynamoDB alike."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from phivault.adapters.aws import client
from phivault.adapters.dynamodb_throttle import DynamoThrottle
from phivault.errors import Unavailable
from phivault.identity.lockout import STRANGERS, Failures
from tests.unit.identity.throttle_fakes import MemoryThrottle

type Store = MemoryThrottle | DynamoThrottle

NOW = 1_790_000_000
LATER = NOW + 100
NONE = Failures()


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Store:
    return MemoryThrottle() if request.param == "memory" else DynamoThrottle(request.getfixturevalue("table"))


@pytest.fixture
def account() -> str:
    return secrets.token_hex(32)


def _swap(store: Store, account: str, old: Failures, new: Failures, who: str = STRANGERS, at: int = NOW) -> bool:
    return store.swap(account, who, old, new, at=at, expires=LATER)


def test_nothing_stands_of_nobody(store: Store, account: str) -> None:
    standing = store.standing(account, "place", NOW)
    assert (standing.known, standing.own, standing.strangers) == (False, NONE, NONE)


def test_counts_are_kept_apart(store: Store, account: str) -> None:
    assert _swap(store, account, NONE, Failures(1))
    assert _swap(store, account, NONE, Failures(5, NOW + 8), "place")
    standing = store.standing(account, "place", NOW)
    assert (standing.known, standing.own, standing.strangers) == (False, Failures(5, NOW + 8), Failures(1))
    assert store.standing(account, "another", NOW).own == NONE
    assert store.standing(secrets.token_hex(32), "place", NOW).strangers == NONE


@pytest.mark.parametrize("stale", [NONE, Failures(1), Failures(2, 7), Failures(3)])
def test_only_what_stands_is_replaced(store: Store, account: str, stale: Failures) -> None:
    assert _swap(store, account, NONE, Failures(2))
    assert not _swap(store, account, stale, Failures(4))
    assert store.standing(account, "place", NOW).strangers == Failures(2)
    assert _swap(store, account, Failures(2), Failures(3, NOW + 50))
    assert _swap(store, account, Failures(3, NOW + 50), Failures(4, NOW + 60))


def test_what_expired_is_absent_before_it_is_deleted(store: Store, account: str) -> None:
    assert _swap(store, account, NONE, Failures(4, LATER))
    assert store.standing(account, "place", LATER).strangers == NONE
    assert not _swap(store, account, Failures(4, LATER), Failures(5), at=LATER)
    assert store.swap(account, STRANGERS, NONE, Failures(1), at=LATER, expires=LATER + 100)
    assert store.standing(account, "place", LATER).strangers == Failures(1)


def test_giving_back_takes_one_and_the_lock_and_stops_at_nothing(store: Store, account: str) -> None:
    store.give_back(account, STRANGERS)
    assert _swap(store, account, NONE, Failures(2, NOW + 50))
    store.give_back(account, STRANGERS)
    assert store.standing(account, "place", NOW).strangers == Failures(1)
    store.give_back(account, STRANGERS)
    store.give_back(account, STRANGERS)
    assert store.standing(account, "place", NOW).strangers == NONE
    assert _swap(store, account, NONE, Failures(1))


def test_forgetting(store: Store, account: str) -> None:
    assert _swap(store, account, NONE, Failures(2))
    assert _swap(store, account, NONE, Failures(3), "place")
    store.forget(account, STRANGERS)
    store.forget(account, STRANGERS)
    standing = store.standing(account, "place", NOW)
    assert (standing.own, standing.strangers) == (Failures(3), NONE)


def test_a_place_is_remembered_until_it_expires(store: Store, account: str) -> None:
    assert store.remember(account, "place", at=NOW, expires=LATER)
    assert not store.remember(account, "place", at=NOW + 1, expires=LATER)
    assert store.standing(account, "place", NOW).known
    assert not store.standing(account, "another", NOW).known
    assert not store.standing(account, "place", LATER).known
    assert store.remember(account, "place", at=LATER, expires=LATER + 100)
    assert store.standing(account, "place", LATER).known


def test_as_many_are_spent_as_may_be(store: Store, account: str) -> None:
    assert [store.spend(account, 2, LATER) for _ in range(4)] == [True, True, False, False]
    store.refund(account)
    assert [store.spend(account, 2, LATER) for _ in range(2)] == [True, False]
    assert store.spend(account, 3, LATER)


def test_nothing_is_refunded_that_was_not_spent(store: Store, account: str) -> None:
    store.refund(account)
    assert store.spend(account, 1, LATER)
    assert not store.spend(account, 1, LATER)


def test_at_the_same_instant(store: Store, account: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        swapped = list(pool.map(lambda _: _swap(store, account, NONE, Failures(1)), range(8)))
        spent = list(pool.map(lambda _: store.spend(account, 3, LATER), range(8)))
    assert (swapped.count(True), spent.count(True)) == (1, 3)


def test_rows_expire(table: str, account: str) -> None:
    store = DynamoThrottle(table)
    _swap(store, account, NONE, Failures(1))
    store.remember(account, "place", at=NOW, expires=LATER)
    store.spend(account, 1, LATER)
    for pk, sk in ((f"FAILURES#{account}", STRANGERS), (f"PLACE#{account}", "place"), (f"LIMIT#{account}", "LIMIT")):
        item = client("dynamodb").get_item(TableName=table, Key={"pk": {"S": pk}, "sk": {"S": sk}})["Item"]
        assert item["expires"] == {"N": str(LATER)}


def test_a_missing_table_is_unavailable(aws_endpoints: object) -> None:
    store = DynamoThrottle("no-such-table")
    calls: list[Callable[[], object]] = [
        lambda: store.standing("account", "place", NOW),
        lambda: _swap(store, "account", NONE, Failures(1)),
        lambda: store.give_back("account", STRANGERS),
        lambda: store.forget("account", STRANGERS),
        lambda: store.remember("account", "place", at=NOW, expires=LATER),
        lambda: store.spend("name", 1, LATER),
        lambda: store.refund("name"),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            call()
