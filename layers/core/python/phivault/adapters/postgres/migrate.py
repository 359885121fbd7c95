"""Migrations: the plain SQL files beside this module, applied once each, in the order of their names.

Each is one transaction, but for those whose first line is ``-- outside a transaction``: for what can't run inside one,
such as an index that is built while others write. Their statements, each of which ends its line with a semicolon, run
one by one; where one fails, the next run begins with the first again, so all of them must stand being repeated.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from phivault.adapters.postgres.operators import connect_operator
from phivault.errors import IntegrityError, Unavailable

FOLDER = Path(__file__).with_name("migrations")

# Any constant will do, as long as every release takes the same.
_LOCK = 0x70686976
_WAIT_SECONDS: Final = 240.0
_LOOK_SECONDS: Final = 0.2
_OUTSIDE: Final = b"-- outside a transaction\n"

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

    Runs at the same time wait for each other. Raises IntegrityError when a file changed after it was applied,
    Unavailable where the database can't be reached or another run takes minutes.
    """
    with connect_operator(dsn, autocommit=True) as connection:
        # Before CREATE TABLE IF NOT EXISTS, which isn't safe against itself. The lock ends with the connection.
        _take_turns(connection)
        connection.execute(_LEDGER)
        done: dict[str, bytes] = dict(connection.execute("SELECT name, sha256 FROM app.migrations").fetchall())
        return [path.name for path in sorted(folder.glob("*.sql")) if _apply(connection, path, done)]


def _take_turns(connection: psycopg.Connection[TupleRow]) -> None:
    """Ask again and again: a statement that waited for the lock would be a transaction, for whose end an index that the
    run before builds beside others would wait in turn."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone() != (True,):
        if time.monotonic() > deadline:
            raise Unavailable("Another run of the migrations takes too long")
        time.sleep(_LOOK_SECONDS)


def _apply(connection: psycopg.Connection[TupleRow], path: Path, done: dict[str, bytes]) -> bool:
    text = path.read_bytes()
    digest = hashlib.sha256(text).digest()
    if path.name in done:
        if done[path.name] != digest:
            raise IntegrityError(f"Migration {path.name} changed after it was applied")
        return False
    if text.startswith(_OUTSIDE):
        for statement in _statements(text):
            connection.execute(statement)
        _note(connection, path, digest)
        return True
    with connection.transaction():
        connection.execute(text)
        _note(connection, path, digest)
    return True


def _statements(text: bytes) -> list[bytes]:
    return [statement for statement in text.split(b";\n") if statement.strip()]


def _note(connection: psycopg.Connection[TupleRow], path: Path, digest: bytes) -> None:
    connection.execute("INSERT INTO app.migrations (name, sha256) VALUES (%s, %s)", (path.name, digest))
