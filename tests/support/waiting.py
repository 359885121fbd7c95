"""A moment of the database that tests wait for instead of sleeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.accounts import eventually

if TYPE_CHECKING:
    import psycopg


def until_somebody_waits(connection: psycopg.Connection) -> None:
    """For a lock that another holds."""
    eventually(lambda: connection.execute("SELECT FROM pg_locks WHERE NOT granted LIMIT 1").rowcount)
