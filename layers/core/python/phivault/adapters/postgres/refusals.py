"""What the database's refusals mean. By then the transaction is rolled back and the connection is sound."""

from __future__ import annotations

from typing import NoReturn

import psycopg

from phivault.errors import Conflict, InvalidInput, Unavailable, Unprocessable


def refuse(error: psycopg.Error) -> NoReturn:
    """Raise our error for ``error``. Only for our own SQLSTATEs (migrations 0004 and 0008) is its text passed on: it
    is the type, and perhaps the id, of a stored resource; any other text could quote values."""
    _refuse_ours(error.sqlstate, error.diag.message_primary or "")
    match error.sqlstate:
        case "40P01" | "40001":
            raise Conflict("Another commit changed the same resources") from None
        case "55P03":
            raise Unavailable("A resource is locked by another commit", retry_after=1) from None
        case "57014":
            raise Unavailable("PostgreSQL did not answer in time") from None
        case "23514":
            raise Unprocessable(f"Constraint {error.diag.constraint_name} is not met") from None
    if isinstance(error, psycopg.DataError):
        raise InvalidInput("A value can't be stored") from None
    raise Unavailable(f"PostgreSQL refused the call (SQLSTATE {error.sqlstate or 'none'})") from None


def _refuse_ours(state: str | None, where: str) -> None:
    match state:
        case "PV001":
            raise Conflict(f"{where} changed meanwhile") from None
        case "PV002":
            raise Unprocessable(f"{where} can't move to another subject") from None
        case "PV003":
            # The id is the caller's own text: an id of nothing may say anything.
            raise Unprocessable(f"A reference of type {where.partition('/')[0]} is to nothing that exists") from None
        case "PV004":
            raise Conflict("Another request with this Idempotency-Key was faster") from None
        case "PV005":
            raise Conflict(f"Another {where} that meets the condition was there first") from None
