"""Migrations: the plain SQL files beside this module, applied once each, in the order of their names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from phivault.adapters.postgres.operators import connect_operator
from phivault.errors import IntegrityError

FOLDER = Path(__file__).with_name("migrations")

# Any constant will do, as long as every release takes the same.
_LOCK = 0x70686976

_LEDGER = """
CREATE SCHEMA IF NOT EXISTS app;
CREATE TABLE IF NOT EXISTS app.migrations (
  name text PRIMARY KEY,
  sha256 bytea NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
"""


def migrate(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Apply, as the database's owner, what wasn't applied before; the names applied now.

    Runs at the same time wait for each other. Raises IntegrityError when a file changed after it was applied.
    """
    with connect_operator(dsn, autocommit=True) as connection:
        # Before CREATE TABLE IF NOT EXISTS, which isn't safe against itself. The lock ends with the connection.
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        connection.execute(_LEDGER)
        done: dict[str, bytes] = dict(connection.execute("SELECT name, sha256 FROM app.migrations").fetchall())
        return [path.name for path in sorted(folder.glob("*.sql")) if _apply(connection, path, done)]


def _apply(connection: psycopg.Connection[TupleRow], path: Path, done: dict[str, bytes]) -> bool:
    text = path.read_bytes()
    digest = hashlib.sha256(text).digest()
    if path.name in done:
        if done[path.name] != digest:
            raise IntegrityError(f"Migration {path.name} changed after it was applied")
        return False
    with connection.transaction():
        connection.execute(text)
        connection.execute("INSERT INTO app.migrations (name, sha256) VALUES (%s, %s)", (path.name, digest))
    return True
