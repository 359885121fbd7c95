"""The server's log: whatever goes wrong, no value gets in."""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.errors import PhivaultError
from phivault.records.store import IdempotencyRecord, SealedVersion
from tests.support.bounded import HANGS

MARK = "Zebulon-4711"
AT = datetime(2026, 3, 1, tzinfo=UTC)

BY_APP = [
    ("SELECT %s::int", (MARK,)),
    ("SELECT %s::uuid", (MARK,)),
    ("SELECT %s::jsonb", ('{"name": ' + MARK,)),
    ("SELECT 1 / (length(%s) - 12)", (MARK,)),
    (f"SELECT '{MARK}'::date", None),
    (f'SELECT * FROM phi."{MARK}"', None),
    (f"SELEC '{MARK}'", None),
    ("SELECT * FROM app.read(%s, 'Patient', 'p')", (MARK,)),
    ("SELECT set_config('log_min_messages', 'debug5', false), %s", (MARK,)),
    ("SELECT set_config('log_statement', 'all', false), %s", (MARK,)),
    ("SELECT set_config('log_parameter_max_length_on_error', '-1', false)", None),
    ("SELECT %s::numeric", (MARK,)),
]
BY_OWNER = [
    ("INSERT INTO phi.resources VALUES ('t', %s, 'p', 1, 'Tenant', now())", (MARK,)),
    ("INSERT INTO app.migrations VALUES (%s, ''), (%s, '')", (MARK, MARK)),
    ("INSERT INTO app.context_keys VALUES (3, %s, '')", (MARK,)),
]


def provoke(dsn: str, statements: list[tuple[str, tuple[str, ...] | None]]) -> None:
    with psycopg.connect(dsn, autocommit=True, options="-c log_parameter_max_length_on_error=-1") as connection:
        for query, parameters in statements:
            with contextlib.suppress(psycopg.Error):
                connection.execute(query, parameters)


def test_no_value_reaches_it_after_errors(postgres: Postgres) -> None:
    provoke(postgres.app_dsn, BY_APP)
    provoke(postgres.owner_dsn, BY_OWNER)
    log = postgres.log.read_text()
    assert "ready to accept connections" in log
    assert MARK not in log
    assert MARK.encode().hex() not in log


def test_nor_from_a_superusers_constraint_violation(postgres: Postgres) -> None:
    """Past row-level security the row itself is checked; DETAIL would quote it whole."""
    provoke(postgres.admin_dsn, BY_OWNER)
    assert MARK not in postgres.log.read_text()


def test_nor_from_the_stores_refusals(postgres: Postgres, postgres_store: PostgresStore, tenant: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: postgres_store.commit(
            tenant,
            [SealedVersion("Patient", MARK, 7, "Patient/p", AT, MARK.encode())],
            references=[("Patient", MARK)],
            idempotency=IdempotencyRecord("user", MARK, b"h" * 32),
        ),
        lambda: postgres_store.commit(
            tenant, [SealedVersion("Patient", MARK, 1, MARK, AT, b"x")], references=(), idempotency=None
        ),
        lambda: postgres_store.commit(tenant, (), references=[(MARK, MARK)], idempotency=None),
        lambda: postgres_store.read(tenant, "Patient", MARK + "\0"),
    ]
    for call in calls:
        with pytest.raises(PhivaultError):
            call()
    log = postgres.log.read_text()
    assert MARK not in log
    assert MARK.encode().hex() not in log


def test_nor_when_a_statement_is_slow_or_killed(postgres: Postgres) -> None:
    with psycopg.connect(postgres.app_dsn, autocommit=True) as connection:
        connection.execute("SET statement_timeout = '50ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(1), %s", (MARK,))
        connection.execute("SET statement_timeout = 0")
        connection.execute("BEGIN")
        # It holds from the next moment on in which the transaction is idle.
        connection.execute("SELECT set_config('idle_in_transaction_session_timeout', '50ms', false), %s", (MARK,))
        assert select.select([connection], [], [], HANGS)[0], "the server says that it ends"
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1")
    assert MARK not in postgres.log.read_text()
