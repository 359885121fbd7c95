from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore, connection
from phivault.adapters.postgres.keys import install_context_key, retire_context_key
from phivault.errors import Conflict, Unavailable
from phivault.records.store import IdempotencyRecord, SealedVersion
from tests.support.bounded import ends_by_itself
from tests.support.cut_wire import CutWire, Fault
from tests.support.postgres import CONTEXT_KEY

Make = Callable[..., SealedVersion]
RECORD = IdempotencyRecord("user", "key", b"h" * 32)


def backend_of(store: PostgresStore) -> int:
    return store._link._usable().info.backend_pid


def terminate(postgres: Postgres, pid: int) -> None:
    """End a backend as a failover or an administrator does, and wait until it is gone."""
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_killed_server_is_unavailable_and_heals(own_postgres: Postgres, tenant: str, version: Make) -> None:
    store = PostgresStore(own_postgres.app_dsn, lambda: CONTEXT_KEY)
    written = version("Patient", "p", 1)
    store.commit(tenant, [written], references=(), idempotency=None)
    own_postgres.kill()
    for call in (
        lambda: store.read(tenant, "Patient", "p"),
        lambda: store.commit(tenant, [version("Patient", "p", 2)], references=(), idempotency=None),
        store.ping,
    ):
        with pytest.raises(Unavailable) as caught:
            call()
        shown = f"{caught.value} {caught.value.detail}"
        assert str(own_postgres.port) not in shown
        assert "phivault_app" not in shown
    own_postgres.restart()
    assert store.read(tenant, "Patient", "p") == written
    store.commit(tenant, [version("Patient", "p", 2)], references=(), idempotency=None)
    store.close()


def test_commits_that_a_kill_met_stand_whole_or_not_at_all_and_once(
    own_postgres: Postgres, tenant: str, version: Make
) -> None:
    """The whole server with SIGKILL, while four writers commit."""
    sent: list[tuple[str, IdempotencyRecord]] = []
    committed: set[str] = set()
    killed = threading.Event()

    def rows(name: str) -> list[SealedVersion]:
        return [version("Patient", f"{name}-{n}", 1, envelope=b"x" * 5000) for n in range(40)]

    def write(writer: int) -> None:
        store = PostgresStore(own_postgres.app_dsn, lambda: CONTEXT_KEY)
        for number in itertools.count():
            name = f"w{writer}-{number}"
            record = IdempotencyRecord("user", name, b"h" * 32)
            sent.append((name, record))
            try:
                store.commit(tenant, rows(name), references=(), idempotency=record)
            except Unavailable:
                assert killed.is_set()
                break
            committed.add(name)
        store.close()

    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, writer) for writer in range(4)]
        while len(committed) < 20:
            time.sleep(0.01)
        killed.set()
        own_postgres.kill()
        for each in writers:
            each.result(timeout=30)
    own_postgres.restart()
    store = PostgresStore(own_postgres.app_dsn, lambda: CONTEXT_KEY)
    for name, record in sent:
        ids = [row.id for row in rows(name)]
        standing = store.search(tenant, "Patient", subject=None, ids=ids, after="", limit=100, room=1 << 30)
        known = store.find_idempotent(tenant, "user", name)
        assert len(standing) == (len(ids) if known else 0), "whole or not at all, and its key with it"
        assert known or name not in committed, "what was acknowledged stands"
        if known is None:
            store.commit(tenant, rows(name), references=(), idempotency=record)
        with pytest.raises(Conflict):
            store.commit(tenant, rows(name), references=(), idempotency=record)
    assert len(sent) > len(committed), "it met some"
    store.close()


def test_a_sound_connection_is_kept(wired_store: PostgresStore, wire: CutWire, tenant: str, version: Make) -> None:
    for n in range(1, 50):
        wired_store.commit(tenant, [version("Patient", "p", n)], references=(), idempotency=None)
        with pytest.raises(Conflict):
            wired_store.commit(tenant, [version("Patient", "p", n)], references=(), idempotency=None)
        assert wired_store.read(tenant, "Patient", "p") is not None
    assert wire.connections == 1


@pytest.mark.parametrize("idempotency", [None, RECORD])
def test_a_connection_found_dead_is_made_anew(
    postgres: Postgres, postgres_store: PostgresStore, tenant: str, version: Make, idempotency: IdempotencyRecord | None
) -> None:
    terminate(postgres, backend_of(postgres_store))
    postgres_store.commit(tenant, [version("Patient", "p", 1)], references=(), idempotency=idempotency)
    terminate(postgres, backend_of(postgres_store))
    assert postgres_store.read(tenant, "Patient", "p") is not None


@pytest.mark.parametrize("fault", [Fault.CUT_REQUEST, Fault.CUT_ANSWER])
def test_a_read_whose_connection_breaks_is_repeated(
    wired_store: PostgresStore, wire: CutWire, tenant: str, fault: Fault
) -> None:
    wire.fault = fault
    assert wired_store.read(tenant, "Patient", "p") is None
    assert wire.connections == 2


@pytest.mark.parametrize("fault", [Fault.CUT_REQUEST, Fault.CUT_ANSWER])
def test_without_idempotency_a_lost_answer_is_unknown_and_not_repeated(
    wired_store: PostgresStore, wire: CutWire, tenant: str, version: Make, fault: Fault
) -> None:
    wire.fault = fault
    with pytest.raises(Unavailable, match="unknown"):
        wired_store.commit(tenant, [version("Patient", "p", 1)], references=(), idempotency=None)
    assert wire.connections == 1
    happened = wired_store.read(tenant, "Patient", "p") is not None
    assert happened == (fault is Fault.CUT_ANSWER)


@pytest.mark.parametrize("fault", [Fault.CUT_REQUEST, Fault.CUT_ANSWER])
def test_with_idempotency_a_lost_answer_becomes_known(
    wired_store: PostgresStore, wire: CutWire, tenant: str, version: Make, fault: Fault
) -> None:
    written = version("Patient", "p", 1)
    wire.fault = fault
    wired_store.commit(tenant, [written], references=(), idempotency=RECORD)
    assert wire.connections == 2
    assert wired_store.read(tenant, "Patient", "p") == written
    assert wired_store.find_idempotent(tenant, RECORD.principal, RECORD.key) is not None


def test_another_commit_under_the_key_is_not_taken_for_ours(
    postgres_store: PostgresStore, wired_store: PostgresStore, wire: CutWire, tenant: str, version: Make
) -> None:
    """Same key, same content, same versions made: still the other request's commit."""
    postgres_store.commit(tenant, [version("Patient", "p", 1)], references=(), idempotency=RECORD)
    wire.fault = Fault.CUT_REQUEST
    with pytest.raises(Conflict):
        wired_store.commit(tenant, [version("Patient", "p", 1)], references=(), idempotency=RECORD)


def test_a_silent_server_is_unavailable_in_time(
    wired_store: PostgresStore, wire: CutWire, tenant: str, version: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.5)
    wire.fault = Fault.SWALLOW
    with ends_by_itself(), pytest.raises(Unavailable):
        wired_store.read(tenant, "Patient", "p")
    wire.fault = Fault.NONE
    assert wired_store.read(tenant, "Patient", "p") is None


def test_a_statement_that_takes_too_long_is_unavailable(
    postgres: Postgres, postgres_store: PostgresStore, tenant: str
) -> None:
    postgres_store._link._usable().execute("SET statement_timeout = '200ms'")
    with psycopg.connect(postgres.admin_dsn) as admin:
        admin.execute("LOCK TABLE phi.resources")
        with pytest.raises(Unavailable):
            postgres_store.read(tenant, "Patient", "p")
    postgres_store._link._usable().execute("RESET statement_timeout")
    assert postgres_store.read(tenant, "Patient", "p") is None


def test_after_a_failover_the_writer_is_found_again(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    """25006: the server that was the writer is a reader now; a new connection goes to the new writer."""
    connected = postgres_store._link._usable()
    connected.execute("SET default_transaction_read_only = on")
    postgres_store.commit(tenant, [version("Patient", "p", 1)], references=(), idempotency=None)
    assert postgres_store._link._usable() is not connected
    assert postgres_store.read(tenant, "Patient", "p") is not None


def test_the_dsn_is_asked_at_each_connect(postgres: Postgres, tenant: str) -> None:
    asked: list[int] = []

    def dsn() -> str:
        asked.append(1)
        return postgres.app_dsn

    store = PostgresStore(dsn, lambda: CONTEXT_KEY)
    assert not asked
    store.ping()
    store.ping()
    assert len(asked) == 1
    store.close()
    store.read(tenant, "Patient", "p")
    assert len(asked) == 2
    store.close()


def test_a_superuser_is_refused(postgres: Postgres, tenant: str) -> None:
    store = PostgresStore(postgres.admin_dsn, lambda: CONTEXT_KEY)
    with pytest.raises(Unavailable, match="superuser"):
        store.read(tenant, "Patient", "p")


def test_context_keys_rotate_without_a_gap(own_postgres: Postgres, tenant: str, version: Make) -> None:
    current = [CONTEXT_KEY]
    store = PostgresStore(own_postgres.app_dsn, lambda: current[0])
    store.commit(tenant, [version("Patient", "p", 1)], references=(), idempotency=None)
    install_context_key(own_postgres.owner_dsn, *CONTEXT_KEY)
    install_context_key(own_postgres.owner_dsn, "next", b"n" * 32)
    assert store.read(tenant, "Patient", "p") is not None
    with pytest.raises(Conflict, match="retire"):
        install_context_key(own_postgres.owner_dsn, "third", b"t" * 32)
    with pytest.raises(Conflict):
        install_context_key(own_postgres.owner_dsn, "next", b"x" * 32)
    current[0] = ("next", b"n" * 32)
    assert store.read(tenant, "Patient", "p") is not None
    retire_context_key(own_postgres.owner_dsn, CONTEXT_KEY[0])
    assert store.read(tenant, "Patient", "p") is not None
    current[0] = CONTEXT_KEY
    with pytest.raises(Unavailable, match="28000"):
        store.read(tenant, "Patient", "p")
    install_context_key(own_postgres.owner_dsn, "third", b"t" * 32)
    store.close()
