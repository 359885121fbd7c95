"""The one connection of a process: made when first needed, kept while it lives, made anew when it has died."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.pq import TransactionStatus

from phivault.adapters.postgres.connection import Connection, connect
from phivault.adapters.postgres.refusals import refuse
from phivault.errors import InvalidInput, Unavailable

type Parameters = Callable[[Connection], Sequence[Any]]
type Rows = list[tuple[Any, ...]]

# The server became a replica (failover): nothing was written, and the next connection finds the new writer.
READ_ONLY = "25006"


class OutcomeUnknown(Exception):
    """The connection was lost after a statement had been sent that must not be sent twice."""


class Link:
    """``dsn`` may be a function, which is asked at each connect: an IAM token lives 15 minutes.

    Threads take turns. No psycopg error escapes: their texts quote the server, and the server quotes values.
    """

    def __init__(self, dsn: str | Callable[[], str]) -> None:
        self._dsn = dsn
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def call(self, query: LiteralString, parameters: Parameters, *, repeatable: bool) -> Rows:
        """The rows of one statement, which is its own transaction, in one round trip.

        ``parameters`` is called anew for each connection, since a tenant context is bound to it. A ``repeatable``
        statement is sent once more when its connection turns out to be dead; any other only where it can't have
        run, else OutcomeUnknown. Raises Unavailable, and what ``refuse`` makes of the database's refusals.
        """
        with self._lock:
            rows = self._attempt(query, parameters, repeatable=repeatable)
            if rows is None:
                rows = self._attempt(query, parameters, repeatable=repeatable)
            if rows is None:
                raise Unavailable("PostgreSQL dropped the connection twice")
            return rows

    def close(self) -> None:
        """Let the connection go; the next call makes another."""
        with self._lock:
            self._discard()

    def _attempt(self, query: LiteralString, parameters: Parameters, *, repeatable: bool) -> Rows | None:
        """The rows, or None when the statement may be sent again on a new connection."""
        connection = self._usable()
        try:
            with connection.cursor(binary=True) as cursor:
                return cursor.execute(query, parameters(connection)).fetchall()
        except UnicodeEncodeError:
            raise InvalidInput("A value holds characters that can't be stored") from None
        except psycopg.Error as error:
            status = connection.pgconn.transaction_status
            if status == TransactionStatus.IDLE and not _ends_connection(error):
                refuse(error)
            self._discard()
            if error.sqlstate == READ_ONLY:
                return None
            if not repeatable:
                raise OutcomeUnknown from None
            if status == TransactionStatus.ACTIVE:  # asking again would wait as long again
                raise Unavailable("PostgreSQL did not answer in time") from None
            return None
        except BaseException:  # interrupted in the middle of an answer: the connection is of no more use
            self._discard()
            raise

    def _usable(self) -> Connection:
        if self._connection is None or not self._connection.alive:
            self._discard()
            self._connection = connect(self._dsn if isinstance(self._dsn, str) else self._dsn())
        return self._connection

    def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _ends_connection(error: psycopg.Error) -> bool:
    """Class 08 is a broken connection, 57P a server that ends it (shutdown, crash of another backend)."""
    return error.sqlstate is not None and (error.sqlstate == READ_ONLY or error.sqlstate.startswith(("08", "57P")))
