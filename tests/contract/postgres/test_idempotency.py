from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.errors import Conflict
from phivault.records.store import IdempotencyRecord, SealedVersion

Make = Callable[..., SealedVersion]
RECORD = IdempotencyRecord("user-1", "key of a caller", b"h" * 32, (("Patient", "a", 1),))


def test_the_record_is_found(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    assert postgres_store.find_idempotent(tenant, RECORD.principal, RECORD.key) is None
    postgres_store.commit(tenant, [version("Patient", "a", 1)], references=(), idempotency=RECORD)
    assert postgres_store.find_idempotent(tenant, RECORD.principal, RECORD.key) == RECORD


def test_without_made_it_names_the_writes_in_their_order(
    postgres_store: PostgresStore, tenant: str, version: Make
) -> None:
    writes = [version("Patient", "b", 1), version("Observation", "a", 1)]
    postgres_store.commit(tenant, writes, references=(), idempotency=replace(RECORD, made=()))
    found = postgres_store.find_idempotent(tenant, RECORD.principal, RECORD.key)
    assert found is not None
    assert found.made == (("Patient", "b", 1), ("Observation", "a", 1))


def test_a_taken_key_is_a_conflict_and_nothing_is_written(
    postgres_store: PostgresStore, tenant: str, version: Make
) -> None:
    postgres_store.commit(tenant, [version("Patient", "a", 1)], references=(), idempotency=RECORD)
    with pytest.raises(Conflict):
        postgres_store.commit(tenant, [version("Patient", "b", 1)], references=(), idempotency=RECORD)
    assert postgres_store.read(tenant, "Patient", "b") is None


def test_a_failed_commit_leaves_the_key_free(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    with pytest.raises(Conflict):
        postgres_store.commit(tenant, [version("Patient", "a", 2)], references=(), idempotency=RECORD)
    assert postgres_store.find_idempotent(tenant, RECORD.principal, RECORD.key) is None


def test_keys_belong_to_a_principal_and_a_tenant(
    postgres_store: PostgresStore, tenant: str, other_tenant: str, version: Make
) -> None:
    postgres_store.commit(tenant, [version("Patient", "a", 1)], references=(), idempotency=RECORD)
    assert postgres_store.find_idempotent(tenant, "user-2", RECORD.key) is None
    assert postgres_store.find_idempotent(other_tenant, RECORD.principal, RECORD.key) is None


def test_the_key_itself_is_not_stored(
    postgres: Postgres, postgres_store: PostgresStore, tenant: str, version: Make
) -> None:
    postgres_store.commit(tenant, [version("Patient", "a", 1)], references=(), idempotency=RECORD)
    with psycopg.connect(postgres.admin_dsn) as admin:
        rows = admin.execute("SELECT i::text FROM app.idempotency AS i WHERE tenant_id = %s", (tenant,)).fetchall()
    assert len(rows) == 1
    assert RECORD.key not in rows[0][0]
    assert RECORD.key.encode().hex() not in rows[0][0]
