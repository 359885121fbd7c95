"""Connections of operators: the database's owner or administrator, never a request handler."""

from __future__ import annotations

import psycopg
from psycopg.rows import TupleRow

from phivault.errors import Unavailable


def connect_operator(dsn: str, *, autocommit: bool = False) -> psycopg.Connection[TupleRow]:
    """A plain connection whose locks are waited for 30 s. Raises Unavailable without a word of the DSN."""
    try:
        return psycopg.connect(
            dsn,
            autocommit=autocommit,
            connect_timeout=10,
            sslmode="verify-full",
            ssl_min_protocol_version="TLSv1.3",
            sslcertmode="disable",
            options="-c lock_timeout=30s",
        )
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL can't be reached (SQLSTATE {error.sqlstate or 'none'})") from None
