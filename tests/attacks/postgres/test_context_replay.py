"""A signed context that leaked: no use on another backend, as another role, for another tenant, or a minute later."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import pytest

from local.postgres import Postgres
from tests.support.postgres import CONTEXT_KEY

Context = Callable[..., str]


def rows(connection: psycopg.Connection, signed: str) -> int:
    return connection.execute("SELECT * FROM app.read(%s, 'Patient', 'target')", (signed,)).rowcount


def refused(connection: psycopg.Connection, signed: str) -> None:
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        rows(connection, signed)
    connection.execute("SELECT set_config('phivault.context', %s, false)", (signed,))
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        connection.execute("SELECT * FROM phi.resources")


def test_a_true_context_works(connection: psycopg.Connection, victim: str, context: Context) -> None:
    assert rows(connection, context(connection, victim)) == 1


def test_on_another_backend(postgres: Postgres, connection: psycopg.Connection, victim: str, context: Context) -> None:
    with psycopg.connect(postgres.app_dsn, autocommit=True) as other:
        refused(connection, context(other, victim))


def test_as_another_login_role(connection: psycopg.Connection, victim: str, context: Context) -> None:
    refused(connection, context(connection, victim, role="phivault_owner"))


def test_by_the_owner(postgres: Postgres, connection: psycopg.Connection, victim: str, context: Context) -> None:
    """Even who owns the tables is under row-level security."""
    with psycopg.connect(postgres.owner_dsn, autocommit=True) as owner:
        assert owner.execute("SELECT * FROM phi.resources").rowcount == 0
        refused(owner, context(connection, victim))


def test_for_another_tenant(connection: psycopg.Connection, attacker: str, victim: str, context: Context) -> None:
    refused(connection, context(connection, attacker).replace(attacker, victim))


@pytest.mark.parametrize("seconds", [-61, -3600, 31 + 60, 10**9], ids=["just expired", "old", "too far", "for ever"])
def test_outside_its_minute(connection: psycopg.Connection, victim: str, context: Context, seconds: int) -> None:
    refused(connection, context(connection, victim, now=time.time() + seconds))


def test_it_expires_within_a_transaction(connection: psycopg.Connection, victim: str, context: Context) -> None:
    signed = context(connection, victim, now=time.time() - 54)  # five seconds are left at least
    connection.execute("BEGIN")
    assert rows(connection, signed) == 1
    connection.execute("SELECT pg_sleep(6.2)")
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        rows(connection, signed)


def test_with_a_longer_life_written_in(connection: psycopg.Connection, victim: str, context: Context) -> None:
    version, key_id, tenant, expires, mac = context(connection, victim).split("|")
    refused(connection, "|".join([version, key_id, tenant, str(int(expires) + 1), mac]))


@pytest.mark.parametrize("key", [("test", b"x" * 32), ("gone", CONTEXT_KEY[1])], ids=["other key", "unknown id"])
def test_with_a_key_of_ones_own(
    connection: psycopg.Connection, victim: str, context: Context, key: tuple[str, bytes]
) -> None:
    refused(connection, context(connection, victim, key=key))


@pytest.mark.parametrize(
    "forged", ["v1", "v1||||", "|||||", "v1|test|{victim}|x|x", "v2|test|{victim}|9999999999|", "{victim}", " ", "\n"]
)
def test_malformed(connection: psycopg.Connection, victim: str, forged: str) -> None:
    refused(connection, forged.replace("{victim}", victim))


@pytest.mark.parametrize("added", ["|", "|x", "0", " "])
def test_something_added(connection: psycopg.Connection, victim: str, context: Context, added: str) -> None:
    refused(connection, context(connection, victim) + added)


@pytest.mark.parametrize("position", range(5))
def test_one_character_changed(connection: psycopg.Connection, victim: str, context: Context, position: int) -> None:
    parts = context(connection, victim).split("|")
    last = parts[position][-1]
    parts[position] = parts[position][:-1] + ("0" if last != "0" else "1")
    refused(connection, "|".join(parts))


def test_absent(connection: psycopg.Connection, victim: str) -> None:
    assert connection.execute("SELECT * FROM phi.resources").rowcount == 0
    assert connection.execute("SELECT * FROM phi.history").rowcount == 0
    assert connection.execute("SELECT * FROM app.idempotency").rowcount == 0
    assert rows(connection, "") == 0
    with pytest.raises(psycopg.Error):
        connection.execute(
            "SELECT app.commit('', '{Patient}', '{n}', '{1}', '{Patient/n}', '{2026-01-01}', '{x}', '{}', '{}',"
            " NULL, NULL, NULL, NULL, NULL)"
        )
