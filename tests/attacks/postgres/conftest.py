"""A victim tenant with data, an attacker's tenant, and the attacker's hand on the application role's connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.adapters.postgres.context import sign
from phivault.records.store import IdempotencyRecord, SealedVersion
from tests.support.postgres import CONTEXT_KEY

AT = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = b"the victim's envelope"


@pytest.fixture
def attacker(tenant: str, postgres_store: PostgresStore) -> str:
    own = SealedVersion("Patient", "own", 1, "Patient/own", AT, b"the attacker's own")
    postgres_store.commit(tenant, [own], references=(), idempotency=None)
    return tenant


@pytest.fixture
def victim(other_tenant: str, postgres_store: PostgresStore) -> str:
    """Has Patient/target in two versions and an idempotency row."""
    for number, key in ((1, None), (2, IdempotencyRecord("user", "key", b"h" * 32))):
        write = SealedVersion("Patient", "target", number, "Patient/target", AT, SECRET)
        postgres_store.commit(other_tenant, [write], references=(), idempotency=key)
    return other_tenant


@pytest.fixture
def connection(postgres: Postgres) -> Iterator[psycopg.Connection]:
    """The application role's, autocommit."""
    with psycopg.connect(postgres.app_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def context() -> Callable[..., str]:
    """A context as the application signs it for this connection; ``key`` and others can be forged."""

    def context(connection: psycopg.Connection, tenant: str, **changes: object) -> str:
        values = {"backend_pid": connection.info.backend_pid, "role": connection.info.user} | changes
        key_id, key = values.pop("key", CONTEXT_KEY)
        return sign(key_id, key, tenant=tenant, **values)

    return context


@pytest.fixture
def inject(
    connection: psycopg.Connection, attacker: str, context: Callable[..., str]
) -> Callable[[str], list[tuple[object, ...]]]:
    """Run a query as careless code would: the id pasted in, under the attacker's own valid context.

    Answers all rows of all statements; an error of the database is an answer without rows.
    """

    def inject(id: str, query: str = "SELECT tenant_id, id, envelope FROM phi.resources WHERE id = '{id}'") -> list:
        rows: list[tuple[object, ...]] = []
        try:
            with connection.transaction():
                connection.execute("SELECT set_config('phivault.context', %s, true)", (context(connection, attacker),))
                cursor = connection.execute(query.replace("{id}", id))
                while True:
                    rows += cursor.fetchall() if cursor.description else []
                    if not cursor.nextset():
                        return rows
        except psycopg.Error:
            return rows

    return inject


@pytest.fixture
def untouched(postgres_store: PostgresStore, victim: str) -> Iterator[None]:
    """After the test the victim's rows are as they were."""
    before = [
        postgres_store.read(victim, "Patient", "target"),
        postgres_store.read_version(victim, "Patient", "target", 1),
    ]
    yield
    after = [
        postgres_store.read(victim, "Patient", "target"),
        postgres_store.read_version(victim, "Patient", "target", 1),
    ]
    assert None not in before
    assert after == before
    assert postgres_store.find_idempotent(victim, "user", "key") is not None
