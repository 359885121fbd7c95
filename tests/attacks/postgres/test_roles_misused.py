"""Each role of the functions with the other's work in hand, and with another tenant's rows before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.adapters.postgres.sealed_rows import PostgresSealedRows
from phivault.errors import Unavailable
from phivault.records.store import IdempotencyRecord, SealedVersion
from tests.support.postgres import CONTEXT_KEY

type Context = Callable[..., str]
DENIED = psycopg.errors.InsufficientPrivilege
FORGED = psycopg.errors.InvalidAuthorizationSpecification
ROW = SealedVersion("Patient", "target", 2, "Patient/target", datetime(2026, 3, 1, tzinfo=UTC), b"\x01\0\0\0\1sealed")
NEXT = replace(ROW, envelope=b"\x01\0\0\0\2sealed")


@pytest.fixture
def rotator(postgres: Postgres) -> Iterator[psycopg.Connection]:
    """The rotator role's connection, autocommit."""
    with psycopg.connect(postgres.rotator_dsn, autocommit=True) as connection:
        yield connection


def application_rights(connection: psycopg.Connection) -> list[str]:
    """Every function that the application may call, written as a call with NULLs: its rights are looked at before what
    it would do. Strict ones are left to test_privileges: of NULL they are NULL without being called."""
    calls = connection.execute(
        "SELECT format('SELECT %s(%s)', p.oid::regproc, (SELECT string_agg(format('NULL::%s', t::regtype), ', ')"
        " FROM unnest(p.proargtypes) AS t)) FROM pg_proc AS p WHERE p.pronamespace = 'app'::regnamespace"
        " AND has_function_privilege('phivault_app', p.oid, 'EXECUTE') AND p.proname <> 'tenant' AND NOT p.proisstrict"
    )
    return [call for (call,) in calls]


def test_a_rotator_can_call_nothing_of_the_applications(postgres: Postgres, rotator: psycopg.Connection) -> None:
    with psycopg.connect(postgres.admin_dsn) as admin:
        calls = application_rights(admin)
    assert {call.partition("(")[0] for call in calls} >= {f"SELECT app.{name}" for name in ("commit", "read", "find")}
    for call in calls:
        with pytest.raises(DENIED):
            rotator.execute(call.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO phi.resources VALUES ('{tenant}', 'Patient', 'x', 1, 'Patient/x', now(), 'x')",
        "UPDATE phi.resources SET envelope = 'x'",
        "DELETE FROM phi.resources",
        "SELECT FROM phi.resources FOR UPDATE",
        "INSERT INTO phi.history SELECT * FROM phi.resources",
        "UPDATE phi.history SET envelope = 'x'",
        "DELETE FROM phi.history",
        "SELECT token FROM phi.search_tokens",
        "SELECT patient FROM phi.search_tokens",
        "INSERT INTO phi.search_tokens VALUES ('{tenant}', 'tokentok', 'x', 'Patient', 'x')",
        "UPDATE phi.search_tokens SET id = 'x'",
        "SELECT * FROM app.idempotency",
        "DELETE FROM app.idempotency",
        "SELECT * FROM app.context_keys",
        "SELECT * FROM app.migrations",
        "SET ROLE phivault_app",
        "SET ROLE phivault_owner",
        "SET SESSION AUTHORIZATION phivault_app",
        "GRANT EXECUTE ON FUNCTION app.reseal TO phivault_app",
    ],
)
def test_a_rotator_with_a_signed_context_writes_and_sees_no_more_than_it_rotates(
    rotator: psycopg.Connection, attacker: str, context: Context, statement: str
) -> None:
    rotator.execute("SELECT set_config('phivault.context', %s, false)", (context(rotator, attacker),))
    assert rotator.execute("SELECT id FROM phi.resources").fetchall() == [("own",)]
    if statement.startswith("GRANT"):
        rotator.execute(statement.encode())  # without the right to grant, a warning
        granted = "SELECT has_function_privilege('phivault_app', oid, 'EXECUTE') FROM pg_proc WHERE proname = 'reseal'"
        assert rotator.execute(granted).fetchone() == (False,)
        return
    with pytest.raises(DENIED):
        rotator.execute(statement.format(tenant=attacker).encode())


@pytest.mark.usefixtures("untouched")
def test_a_rotator_sees_and_changes_one_tenant_at_a_time(
    rotator: psycopg.Connection, attacker: str, victim: str, context: Context
) -> None:
    """By raw statements as by functions: without a context nothing, with one its tenant."""
    for table in ("phi.resources", "phi.history"):
        assert rotator.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)
    rotator.execute("SELECT set_config('phivault.context', %s, false)", (context(rotator, attacker),))
    for table in ("phi.resources", "phi.history"):
        found = rotator.execute(f"SELECT count(*) FROM {table} WHERE tenant_id <> '{attacker}'".encode())
        assert found.fetchone() == (0,)
    assert rotator.execute("DELETE FROM phi.search_tokens WHERE tenant_id = %s", (victim,)).rowcount == 0
    signed = context(rotator, attacker)
    assert rotator.execute("SELECT * FROM app.subjects(%s, '', 99)", (signed,)).fetchall() == [("Patient/own",)]
    below = "SELECT * FROM app.sealed_below(%s, 'Patient/target', 99, '', '', 0, 99, 99999)"
    assert rotator.execute(below, (signed,)).fetchall() == []
    assert rotator.execute("SELECT app.forget_tokens(%s, 'Patient/target')", (signed,)).fetchone() == (0,)


@pytest.mark.usefixtures("untouched")
def test_a_context_of_one_role_is_of_no_use_to_the_other(
    rotator: psycopg.Connection, connection: psycopg.Connection, victim: str, context: Context
) -> None:
    stolen = context(connection, victim)
    for signed in (stolen, context(rotator, victim, role="phivault_app"), stolen.replace("v1|", "v2|")):
        with pytest.raises(FORGED):
            rotator.execute("SELECT * FROM app.subjects(%s, '', 9)", (signed,))
    for signed in (context(rotator, victim), context(connection, victim, role="phivault_rotator")):
        with pytest.raises(FORGED):
            connection.execute("SELECT * FROM app.read(%s, 'Patient', 'target')", (signed,))


def test_the_application_can_rotate_and_forget_nothing(
    postgres: Postgres, postgres_store: PostgresStore, sealed_rows: PostgresSealedRows, tenant: str
) -> None:
    """Nor could the rotator of the release before, which signed in as the application: each call of it fails as an
    outage does, changes nothing, and the next slice goes on."""
    first = replace(ROW, version=1, patient="target", tokens=frozenset({b"12345678"}))
    postgres_store.commit(tenant, [first], references=(), idempotency=None)
    before = PostgresSealedRows(postgres.app_dsn, lambda: CONTEXT_KEY)
    pairs = [(replace(ROW, version=1), replace(NEXT, version=1))]
    calls: list[Callable[[PostgresSealedRows], object]] = [
        lambda rows: rows.subjects(tenant, "", 9),
        lambda rows: rows.key_versions(tenant, ["Patient/target"]),
        lambda rows: rows.sealed_below(tenant, "Patient/target", 9, after=("", "", 0), limit=9, room=99),
        lambda rows: rows.reseal(tenant, pairs),
        lambda rows: rows.tokens_of(tenant, "Patient/target"),
        lambda rows: rows.forget_tokens(tenant, "Patient/target"),
    ]
    for call in calls:
        with pytest.raises(Unavailable, match="SQLSTATE 42501"):
            call(before)
    before.close()
    assert postgres_store.read(tenant, "Patient", "target") == replace(ROW, version=1)
    assert sealed_rows.tokens_of(tenant, "Patient/target") == 1
    assert sealed_rows.reseal(tenant, pairs) == 1


def test_the_application_ends_no_key_by_hand(connection: psycopg.Connection, attacker: str, context: Context) -> None:
    connection.execute("SELECT set_config('phivault.context', %s, false)", (context(connection, attacker),))
    for statement in (
        "DELETE FROM app.idempotency",
        "UPDATE app.idempotency SET at = now() - interval '9 days'",
        "TRUNCATE app.idempotency",
        "ALTER TABLE app.idempotency DISABLE TRIGGER end_idempotency",
        "DROP TRIGGER end_idempotency ON app.idempotency",
        "SET session_replication_role = 'replica'",
        "CREATE OR REPLACE FUNCTION app.idempotency_life() RETURNS interval LANGUAGE sql RETURN interval '0'",
    ):
        with pytest.raises(DENIED):
            connection.execute(statement.encode())
    with pytest.raises((DENIED, psycopg.errors.FeatureNotSupported)):
        connection.execute("SELECT app.end_idempotency()")


def test_nobody_clears_another_tenants_keys(
    postgres: Postgres,
    postgres_store: PostgresStore,
    connection: psycopg.Connection,
    attacker: str,
    victim: str,
    context: Context,
) -> None:
    """Not even those that have ended, by a row that says it were the victim's: what deletes is bound as what writes."""
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as admin:
        admin.execute("UPDATE app.idempotency SET at = now() - interval '9 days' WHERE tenant_id = %s", (victim,))
        connection.execute("SELECT set_config('phivault.context', %s, false)", (context(connection, attacker),))
        row = "INSERT INTO app.idempotency VALUES (%s, 'user', %s, %s, '[]', %s)"
        digest = sha256(b"key").digest()
        with pytest.raises(DENIED, match="row-level security"):
            connection.execute(row, (victim, digest, digest, digest[:16]))
        connection.execute(row, (attacker, digest, digest, digest[:16]))
        kept = admin.execute("SELECT count(*) FROM app.idempotency WHERE tenant_id = %s", (victim,))
        assert kept.fetchone() == (1,)
    assert postgres_store.find_idempotent(victim, "user", "key") is None


def test_an_ended_key_leads_to_nothing_of_what_it_made(
    postgres: Postgres, postgres_store: PostgresStore, tenant: str
) -> None:
    """It takes another request, and another body, as if it had never been."""
    record = IdempotencyRecord("user", "key", b"h" * 32, (("Patient", "target", 1),))
    postgres_store.commit(tenant, [replace(ROW, version=1)], references=(), idempotency=record)
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as admin:
        admin.execute("UPDATE app.idempotency SET at = now() - interval '9 days' WHERE tenant_id = %s", (tenant,))
    assert postgres_store.find_idempotent(tenant, "user", "key") is None
    again = replace(record, request_hash=b"i" * 32, made=(("Patient", "target", 2),))
    postgres_store.commit(tenant, [NEXT], references=(), idempotency=again)
    assert postgres_store.find_idempotent(tenant, "user", "key") == again
    assert postgres_store.find_idempotent(tenant, "other", "key") is None
