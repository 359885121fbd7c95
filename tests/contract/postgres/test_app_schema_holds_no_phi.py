"""Every column of the migrated database is in the inventory, and schema ``app`` has none of a PHI class."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest

from phivault.phi import inventory
from phivault.phi.inventory import Form, Kind

if TYPE_CHECKING:
    from local.postgres import Postgres

OURS = "('app', 'phi')"


@pytest.fixture
def superuser(postgres: Postgres) -> Iterator[psycopg.Connection]:
    """Row-level security doesn't stand before it, so that the checks of columns speak."""
    with psycopg.connect(postgres.admin_dsn) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def owner(postgres: Postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.owner_dsn) as connection:
        yield connection
        connection.rollback()


def columns(owner: psycopg.Connection) -> set[str]:
    found = owner.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    return {f"postgres {schema}.{table} {column}" for schema, table, column in found}


def test_the_inventory_has_every_column_and_none_that_isnt_there(owner: psycopg.Connection) -> None:
    assert columns(owner) == {place.id for place in inventory.of_kind(Kind.POSTGRES)}


def test_a_new_column_is_named(owner: psycopg.Connection) -> None:
    owner.execute("ALTER TABLE app.idempotency ADD COLUMN family_name text")
    listed = {place.id for place in inventory.of_kind(Kind.POSTGRES)}
    assert columns(owner) - listed == {"postgres app.idempotency family_name"}


def test_schema_app_has_no_column_of_a_phi_class() -> None:
    held = [place for place in inventory.of_kind(Kind.POSTGRES) if place.group.startswith("app.")]
    assert held
    assert [place.id for place in held if place.holds_phi] == []


def test_in_schema_phi_only_the_sealed_envelope_and_tokens_are_of_a_phi_class() -> None:
    held = [place for place in inventory.of_kind(Kind.POSTGRES) if place.group.startswith("phi.")]
    found = {(place.name, place.form) for place in held if place.holds_phi}
    assert found == {("envelope", Form.SEALED), ("token", Form.HASHED)}


def test_what_stands_in_clear_takes_opaque_ids_words_and_times_alone(
    owner: psycopg.Connection, superuser: psycopg.Connection
) -> None:
    """The types and checks of the columns leave no room for a name or a sentence."""
    bare = owner.execute(
        "SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns"
        f" WHERE table_schema IN {OURS}"
        " AND data_type NOT IN ('bigint', 'smallint', 'timestamp with time zone', 'bytea')"
    ).fetchall()
    assert set(bare) == {
        *(
            (f"phi.{table}", name)
            for table in ("resources", "history")
            for name in ("tenant_id", "type", "id", "subject")
        ),
        *(("phi.search_tokens", name) for name in ("tenant_id", "patient", "type", "id")),
        ("app.idempotency", "tenant_id"),
        ("app.idempotency", "principal"),
        ("app.idempotency", "made"),
        ("app.context_keys", "key_id"),
        ("app.migrations", "name"),
    }
    for column, text in [("subject", "Patient/Anna Kowalska"), ("id", "Kowalska, Anna"), ("type", "Anna Kowalska")]:
        row = {"type": "Patient", "id": str(uuid.uuid4()), "subject": "Patient/a"} | {column: text}
        with pytest.raises(psycopg.errors.CheckViolation), superuser.transaction():
            superuser.execute(
                "INSERT INTO phi.resources (tenant_id, type, id, version, subject, at, envelope)"
                " VALUES ('t', %(type)s, %(id)s, 1, %(subject)s, now(), 'x')",
                row,
            )
    for column in ("patient", "id", "type"):
        row = {"patient": "p", "type": "Patient", "id": "p"} | {column: "Anna Kowalska"}
        with pytest.raises(psycopg.errors.CheckViolation), superuser.transaction():
            superuser.execute(
                "INSERT INTO phi.search_tokens (tenant_id, token, patient, type, id)"
                " VALUES ('t', '12345678', %(patient)s, %(type)s, %(id)s)",
                row,
            )


def test_no_comment_and_no_default_says_more(owner: psycopg.Connection) -> None:
    comments = owner.execute(
        "SELECT description FROM pg_description JOIN pg_class ON pg_class.oid = objoid"
        f" JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname IN {OURS}"
    ).fetchall()
    defaults = owner.execute(
        f"SELECT DISTINCT column_default FROM information_schema.columns WHERE table_schema IN {OURS}"
    ).fetchall()
    assert comments == []
    assert set(defaults) == {(None,), ("now()",)}
