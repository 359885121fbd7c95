"""Connections: TLS 1.3 to a server whose certificate names it, every wait bounded."""

from __future__ import annotations

import select
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from phivault.errors import Unavailable

CONNECT_SECONDS = 3
# Longer than statement_timeout: past it the server isn't slow but silent (frozen, or the network dropped us).
ANSWER_SECONDS = 6.0

_SESSION = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "5s",
        "TimeZone": "UTC",
    }.items()
)
# The driver would otherwise look for certificates in $HOME and fail on an unreadable one.
_TLS = {"sslmode": "verify-full", "ssl_min_protocol_version": "TLSv1.3", "sslcertmode": "disable"}


class Connection(psycopg.Connection[TupleRow]):
    """A connection that waits at most ANSWER_SECONDS for an answer, where the driver would wait for ever."""

    def wait[T](
        self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = ANSWER_SECONDS
    ) -> T:
        return super().wait(gen, interval, timeout)

    @property
    def alive(self) -> bool:
        """False if the server is known to have closed the connection; it can have vanished silently, too."""
        if self.closed:
            return False
        readable, _, _ = select.select([self.pgconn.socket], [], [], 0)
        if readable:
            try:
                self.pgconn.consume_input()
            except psycopg.OperationalError:
                return False
        return self.pgconn.status == psycopg.pq.ConnStatus.OK


def connect(dsn: str) -> Connection:
    """Connect for the application. Raises Unavailable, whose text holds nothing of the DSN or the server's answer."""
    try:
        connection = Connection.connect(
            dsn,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=CONNECT_SECONDS,
            gssencmode="disable",
            tcp_user_timeout=int(ANSWER_SECONDS * 1000),
            options=_SESSION,
            **_TLS,
        )
    except psycopg.Error as error:
        raise Unavailable(f"PostgreSQL can't be reached (SQLSTATE {error.sqlstate or 'none'})") from None
    if connection.pgconn.parameter_status(b"is_superuser") != b"off":
        connection.close()
        raise Unavailable("PostgreSQL was reached as a superuser, whom row-level security doesn't bind")
    return connection
