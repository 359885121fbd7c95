from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.errors import Conflict, Unavailable, Unprocessable
from phivault.records.store import IdempotencyRecord, SealedVersion
from tests.support.bounded import ends_by_itself
from tests.support.waiting import until_somebody_waits

Make = Callable[..., SealedVersion]


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except (Conflict, Unprocessable, Unavailable) as error:
        return type(error).__name__
    return "done"


def race(first: Callable[[], object], second: Callable[[], object]) -> list[str]:
    with ThreadPoolExecutor(2) as threads:
        return sorted(threads.map(outcome, (first, second)))


@pytest.mark.parametrize("starting", [1, 2], ids=["create", "update"])
def test_of_two_writers_of_a_version_one_wins(
    postgres_store: PostgresStore, second_store: PostgresStore, tenant: str, version: Make, starting: int
) -> None:
    for n in range(20):
        for earlier in range(1, starting):
            writes = [version("Patient", f"p{n}", earlier)]
            postgres_store.commit(tenant, writes, references=(), idempotency=None)

        def write(store: PostgresStore, envelope: bytes, id: str = f"p{n}") -> None:
            writes = [version("Patient", id, starting, envelope=envelope)]
            store.commit(tenant, writes, references=(), idempotency=None)

        ended = race(lambda: write(postgres_store, b"one"), lambda: write(second_store, b"two"))
        assert ended == ["Conflict", "done"]
        assert postgres_store.read_version(tenant, "Patient", f"p{n}", starting) is not None


def test_of_two_requests_with_one_key_one_wins(
    postgres_store: PostgresStore, second_store: PostgresStore, tenant: str, version: Make
) -> None:
    for n in range(20):
        record = IdempotencyRecord("user", f"key {n}", b"h" * 32)

        def write(store: PostgresStore, id: str, record: IdempotencyRecord = record) -> None:
            store.commit(tenant, [version("Patient", id, 1)], references=(), idempotency=record)

        ended = race(partial(write, postgres_store, f"a{n}"), partial(write, second_store, f"b{n}"))
        assert ended == ["Conflict", "done"]
        made = [postgres_store.read(tenant, "Patient", f"{who}{n}") for who in "ab"]
        assert made.count(None) == 1


def test_what_is_referred_to_is_not_deleted_meanwhile(
    postgres_store: PostgresStore, second_store: PostgresStore, tenant: str, version: Make
) -> None:
    for n in range(20):
        id = f"p{n}"
        postgres_store.commit(tenant, [version("Patient", id, 1)], references=(), idempotency=None)
        delete, refer = version("Patient", id, 2, envelope=None), version("Observation", f"o{n}", 1)
        race(
            lambda d=delete: postgres_store.commit(tenant, [d], references=(), idempotency=None),
            lambda r=refer, i=id: second_store.commit(tenant, [r], references=[("Patient", i)], idempotency=None),
        )
        # Whichever came first, no reference was accepted after the deletion: deletion waits, or the reference fails.
        assert postgres_store.read_version(tenant, "Patient", id, 2) is not None


def test_a_reference_makes_the_deletion_wait(
    postgres: Postgres, postgres_store: PostgresStore, tenant: str, version: Make
) -> None:
    """Held open by hand: a commit that refers, not yet committed."""
    postgres_store.commit(tenant, [version("Patient", "p", 1)], references=(), idempotency=None)
    with psycopg.connect(postgres.admin_dsn) as admin:
        admin.execute("SELECT FROM phi.resources WHERE tenant_id = %s FOR SHARE", (tenant,))
        refer = version("Observation", "o", 1)
        postgres_store.commit(tenant, [refer], references=[("Patient", "p")], idempotency=None)
        started = time.monotonic()
        delete = version("Patient", "p", 2, envelope=None)
        with ends_by_itself(), pytest.raises(Unavailable) as caught:
            postgres_store.commit(tenant, [delete], references=(), idempotency=None)
        assert time.monotonic() - started > 1.5
        assert caught.value.retry_after == 1
    newest = postgres_store.read(tenant, "Patient", "p")
    assert newest is not None
    assert newest.version == 1


def test_a_waiting_reference_sees_the_deletion(
    postgres: Postgres, postgres_store: PostgresStore, tenant: str, version: Make
) -> None:
    postgres_store.commit(tenant, [version("Patient", "p", 1)], references=(), idempotency=None)
    with ThreadPoolExecutor(1) as thread, psycopg.connect(postgres.admin_dsn) as admin:
        admin.execute("UPDATE phi.resources SET version = 2, envelope = NULL WHERE tenant_id = %s", (tenant,))
        refer = version("Observation", "o", 1)
        waiting = thread.submit(
            outcome,
            lambda: postgres_store.commit(tenant, [refer], references=[("Patient", "p")], idempotency=None),
        )
        until_somebody_waits(admin)
        admin.commit()
        assert waiting.result() == "Unprocessable"


def test_crossing_commits_do_not_deadlock(
    postgres_store: PostgresStore, second_store: PostgresStore, tenant: str, version: Make
) -> None:
    """Each writes what the other refers to, and enough of it that they overlap."""
    halves = {half: [f"{half}{n}" for n in range(40)] for half in "ab"}

    def write(store: PostgresStore, half: str, number: int) -> None:
        references = [("Patient", id) for id in halves["b" if half == "a" else "a"]] if number > 1 else []
        writes = [version("Patient", id, number) for id in halves[half]]
        store.commit(tenant, writes, references=references, idempotency=None)

    write(postgres_store, "a", 1)
    write(postgres_store, "b", 1)
    for number in range(2, 10):
        ended = race(partial(write, postgres_store, "a", number), partial(write, second_store, "b", number))
        assert ended == ["done", "done"]


def test_threads_may_share_a_store(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    writes = [version("Patient", f"p{n}", 1, envelope=b"%d" % n) for n in range(20)]
    postgres_store.commit(tenant, writes, references=(), idempotency=None)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: postgres_store.read(tenant, "Patient", f"p{n % 20}"), range(200)))
    assert found == writes * 10
