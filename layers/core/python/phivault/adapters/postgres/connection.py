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


class Connection(psycopg.Connection[TupleRow]):
    """A connection that waits at most ANSWER_SECONDS for an answer, where the driver would wait for ever."""

    def wait[T](self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = None) -> T:
        return super().wait(gen, interval, ANSWER_SECONDS if timeout is None else timeout)

    @property
    def alive(self) -> bool:
        """False if the server has said anything unasked: what it says to an idle client is that it goes.

        (It also tells of reloaded settings; connecting anew then does no harm.) It can have vanished silently, too.
        """
        if self.closed:
            return False
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return not poll.poll(0)


def connect(dsn: str) -> Connection:
    """Connect for the application. Raises Unavailable, whose text holds nothing of the DSN or the server's answer.

    Statements aren't prepared: that is a round trip more, and the functions they call keep their plans anyway. A
    client certificate isn't looked for, which would fail on an unreadable home directory.
    """
    try:
        connection = Connection.connect(
            dsn,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=CONNECT_SECONDS,
            gssencmode="disable",
            tcp_user_timeout=int(ANSWER_SECONDS * 1000),
            options=_SESSION,
            sslmode="verify-full",
            ssl_min_protocol_version="TLSv1.3",
            sslcertmode="disable",
        )
    except psycopg.Error as error:
        raise Unavailable(f"PostgreSQL can't be reached (SQLSTATE {error.sqlstate or 'none'})") from None
    if connection.pgconn.parameter_status(b"is_superuser") != b"off":
        connection.close()
        raise Unavailable("PostgreSQL was reached as a superuser, whom row-level security doesn't bind")
    return connection
