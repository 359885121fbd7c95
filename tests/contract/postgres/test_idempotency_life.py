"""The end of an Idempotency-Key: it counts for seven days of the database's clock, then it is as new, and its row goes
with a later one of its tenant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.errors import Conflict
from phivault.records.idempotency import LIFE_DAYS
from phivault.records.store import IdempotencyRecord, SealedVersion
from tests.support.postgres import CONTEXT_KEY

type Make = Callable[..., SealedVersion]
type Commit = Callable[..., None]
OVER, ALMOST = f"{LIFE_DAYS} days", f"{LIFE_DAYS} days -5 minutes"
BATCH = 20


@pytest.fixture
def admin(postgres: Postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as admin:
        yield admin


@pytest.fixture
def commit(postgres_store: PostgresStore, tenant: str, version: Make) -> Commit:
    """A patient of this id, under this key."""

    def commit(key: str, id: str, *, of: str = tenant, store: PostgresStore = postgres_store) -> None:
        store.commit(of, [version("Patient", id, 1)], references=(), idempotency=record(key))

    return commit


@pytest.fixture
def age(admin: psycopg.Connection, tenant: str) -> Callable[..., None]:
    """Make the tenant's rows this old; the higher the patient's number, the younger by seconds."""

    def age(by: str, *, of: str = tenant) -> None:
        admin.execute(
            "UPDATE app.idempotency SET at = now() - %s::interval + substring(made->0->>1 FROM '[0-9]+')::int"
            " * interval '1 second' - interval '1 minute' WHERE tenant_id = %s",
            (by, of),
        )

    return age


def record(key: str) -> IdempotencyRecord:
    return IdempotencyRecord("user", key, b"h" * 32)


def kept(admin: psycopg.Connection, tenant: str) -> set[str]:
    """What the tenant's keys made."""
    rows = admin.execute("SELECT made->0->>1 FROM app.idempotency WHERE tenant_id = %s", (tenant,))
    return {id for (id,) in rows}


def test_python_knows_the_databases_number_of_days(admin: psycopg.Connection) -> None:
    asked = admin.execute("SELECT app.idempotency_life() = make_interval(days => %s)", (LIFE_DAYS,))
    assert asked.fetchone() == (True,)


def test_until_then_it_counts(
    postgres_store: PostgresStore, tenant: str, commit: Commit, age: Callable[..., None], admin: psycopg.Connection
) -> None:
    commit("key", "p1")
    age(ALMOST)
    assert postgres_store.find_idempotent(tenant, "user", "key") == replace(record("key"), made=(("Patient", "p1", 1),))
    with pytest.raises(Conflict):
        commit("key", "p2")
    commit("other", "p3")
    assert kept(admin, tenant) == {"p1", "p3"}


def test_then_it_is_as_new(
    postgres_store: PostgresStore, tenant: str, commit: Commit, age: Callable[..., None], admin: psycopg.Connection
) -> None:
    commit("key", "p1")
    age(OVER)
    assert postgres_store.find_idempotent(tenant, "user", "key") is None
    assert kept(admin, tenant) == {"p1"}, "found no more, though it still stands"
    commit("key", "p2")
    assert postgres_store.find_idempotent(tenant, "user", "key") == replace(record("key"), made=(("Patient", "p2", 1),))
    with pytest.raises(Conflict):
        commit("key", "p3")
    assert kept(admin, tenant) == {"p2"}


@pytest.mark.parametrize("tells_statistics", [False, True])
def test_each_commit_under_a_key_takes_the_oldest_few_of_its_tenant(
    tenant: str,
    other_tenant: str,
    commit: Commit,
    age: Callable[..., None],
    admin: psycopg.Connection,
    tells_statistics: bool,
) -> None:
    """Also where statistics say that a tenant has next to no rows: plans then ask for the oldest once a row."""
    commit("theirs", "p1", of=other_tenant)
    if tells_statistics:
        admin.execute("ANALYZE app.idempotency")
    for number in range(10, 40):
        commit(f"old {number}", f"p{number}")
    age(OVER)
    age(OVER, of=other_tenant)
    commit("first", "p91")
    assert kept(admin, tenant) == {*(f"p{number}" for number in range(10 + BATCH, 40)), "p91"}
    commit("second", "p92")
    assert kept(admin, tenant) == {"p91", "p92"}
    assert kept(admin, other_tenant) == {"p1"}


def test_a_commit_without_a_key_or_that_fails_takes_none(
    postgres_store: PostgresStore,
    tenant: str,
    version: Make,
    commit: Commit,
    age: Callable[..., None],
    admin: psycopg.Connection,
) -> None:
    commit("old", "p1")
    age(OVER)
    postgres_store.commit(tenant, [version("Patient", "p2", 1)], references=(), idempotency=None)
    with pytest.raises(Conflict):
        commit("new", "p2")
    assert kept(admin, tenant) == {"p1"}


def test_rows_that_another_is_at_are_left_to_it(
    postgres: Postgres, tenant: str, commit: Commit, age: Callable[..., None], admin: psycopg.Connection
) -> None:
    commit("held", "p1")
    commit("free", "p2")
    age(OVER)
    with psycopg.connect(postgres.admin_dsn) as other:
        other.execute("SELECT FROM app.idempotency WHERE tenant_id = %s AND made->0->>1 = 'p1' FOR UPDATE", (tenant,))
        commit("new", "p3")
        assert kept(admin, tenant) == {"p1", "p3"}
    commit("newer", "p4")
    assert kept(admin, tenant) == {"p3", "p4"}


@pytest.fixture
def stores(postgres: Postgres) -> Iterator[list[PostgresStore]]:
    found = [PostgresStore(postgres.app_dsn, lambda: CONTEXT_KEY) for _ in range(4)]
    for store in found:
        store.ping()
    yield found
    for store in found:
        store.close()


def test_of_many_who_come_at_once_with_an_ended_key_one_is_first(
    stores: list[PostgresStore], tenant: str, commit: Commit, age: Callable[..., None], admin: psycopg.Connection
) -> None:
    for turn in range(15):
        commit(f"key {turn}", f"p{turn}")
        age(OVER)
        begin = threading.Barrier(len(stores))

        def again(number: int, turn: int = turn, begin: threading.Barrier = begin) -> str:
            begin.wait()
            id = f"p{turn}{number}00"
            try:
                commit(f"key {turn}", id, store=stores[number])
            except Conflict:
                return ""
            return id

        with ThreadPoolExecutor(len(stores)) as threads:
            made = [id for id in threads.map(again, range(len(stores))) if id]
        assert len(made) == 1
        found = stores[0].find_idempotent(tenant, "user", f"key {turn}")
        assert found is not None
        assert found.made == (("Patient", made[0], 1),)


def test_who_clears_and_who_repeats_do_not_hinder_each_other(
    stores: list[PostgresStore], tenant: str, commit: Commit, age: Callable[..., None], admin: psycopg.Connection
) -> None:
    """Half of them write under new keys, and so clear; the others come again with keys that have ended. All succeed,
    and every key that was used since counts."""
    for number in range(60):
        commit(f"key {number}", f"p{number}")
    age(OVER)
    begin = threading.Barrier(len(stores))

    def write(place: int) -> list[str]:
        begin.wait()
        ids = [f"p{place}{turn:02}00" for turn in range(15)]
        for turn, id in enumerate(ids):
            commit(f"new {id}" if place % 2 else f"key {59 - turn - 15 * (place // 2)}", id, store=stores[place])
        return ids

    with ThreadPoolExecutor(len(stores)) as threads:
        made = {id for ids in threads.map(write, range(len(stores))) for id in ids}
    assert len(made) == 60
    assert kept(admin, tenant) == made
