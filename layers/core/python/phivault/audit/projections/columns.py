"""The table ``audit_logs``: a row per event, the same in DuckDB over an export and in Athena over the same files.

``LINE`` is how a line is read into SQL, ``COLUMNS`` what the table makes of it. The SQL keeps to what DuckDB and Trino
share; they differ in one function's name, which joins a list. String concatenation makes JSON here because the
closed schema of a line has no character that JSON would escape.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from phivault.audit.canonical import EventLine, encode

_TEXTS = (
    *("id", "kind", "timestamp", "tenant", "action", "risk", "request_id", "user_id", "role", "session"),
    *("personal", "personal_subject", "personal_ref", "resource", "resource_id", "patient", "purpose", "error"),
    *("envelope", "writer", "prev", "checkpoint"),
)
LINE: Final[dict[str, tuple[str, str]]] = dict.fromkeys(_TEXTS, ("VARCHAR", "string")) | {
    "success": ("BOOLEAN", "boolean"),
    "purpose_asserted": ("BOOLEAN", "boolean"),
    "v": ("BIGINT", "bigint"),
    "version": ("BIGINT", "bigint"),
    "sequence": ("BIGINT", "bigint"),
    "classes": ("VARCHAR[]", "array<string>"),
    "flags": ("VARCHAR[]", "array<string>"),
}
"""A line's members with the types of DuckDB and of Hive (Athena). Lines of other kinds lack most: NULL there."""

PERSONAL: Final = ("user_email", "ip_address", "user_agent")
"""Sealed in the line. NULL in the table, unless a file of opened ones is joined to it by ``id``."""

DETAILS: Final = ("tenant", "role", "request_id", "patient", "purpose", "envelope", "writer")
JOIN_DUCKDB: Final = "array_to_string"
JOIN_TRINO: Final = "array_join"


@dataclass(frozen=True, slots=True)
class Column:
    """``type`` is SQL's, in DuckDB and Trino alike; ``source`` an expression over the members of ``LINE``."""

    type: str
    source: str


def columns(join: str = JOIN_DUCKDB) -> dict[str, Column]:
    """Name to column, in the table's order. ``join`` is the dialect's function that joins a list."""
    return {
        "id": Column("VARCHAR", "id"),
        "timestamp": Column("TIMESTAMP", "CAST(replace(replace(\"timestamp\", 'T', ' '), 'Z', '') AS TIMESTAMP)"),
        "user_id": Column("VARCHAR", "user_id"),
        "user_email": Column("VARCHAR", "CAST(NULL AS VARCHAR)"),
        "action": Column("VARCHAR", "action"),
        "resource": Column("VARCHAR", "resource"),
        "resource_id": Column("VARCHAR", "resource_id"),
        "details": Column("VARCHAR", _details(join)),
        "ip_address": Column("VARCHAR", "CAST(NULL AS VARCHAR)"),
        "user_agent": Column("VARCHAR", "CAST(NULL AS VARCHAR)"),
        "session_id": Column("VARCHAR", "session"),
        "success": Column("BOOLEAN", "success"),
        "error_message": Column("VARCHAR", "error"),
        "risk_level": Column("VARCHAR", "risk"),
        "compliance_flags": Column("VARCHAR", f"{join}(flags, ',')"),
    }


def select(source: str, *, opened: str = "", join: str = JOIN_DUCKDB) -> str:
    """The query that is ``audit_logs``. ``source`` is a relation with the columns of ``LINE``; ``opened``, where given,
    one with ``id`` and the columns of ``PERSONAL``. Both are SQL, written by the caller, never taken from input."""
    shown = {name: column.source for name, column in columns(join).items()}
    joined = ""
    if opened:
        shown = {name: f'line."{source}"' if source in LINE else source for name, source in shown.items()}
        shown |= {name: f"opened.{name}" for name in PERSONAL}
        joined = f" LEFT JOIN {opened} opened ON opened.id = line.id"
    listed = ", ".join(f'{expression} AS "{name}"' for name, expression in shown.items())
    # Names and expressions are this file's and the caller's own; no value is in it.
    return f"SELECT {listed} FROM {source} line{joined} WHERE kind = 'event'"  # noqa: S608  # nosec B608


def row(line: EventLine) -> dict[str, Any]:
    """The event as ``audit_logs`` shows it; the timestamp as the line has it."""
    event, stored = line.event, json.loads(encode(line))
    shown = (*DETAILS, "purpose_asserted", "version", "sequence", "classes")
    return {
        "id": event.id,
        "timestamp": event.timestamp,
        "user_id": event.user_id,
        "user_email": None,
        "action": event.action.value,
        "resource": event.resource,
        "resource_id": event.resource_id,
        "details": json.dumps({name: stored[name] for name in shown}, separators=(",", ":")),
        "ip_address": None,
        "user_agent": None,
        "session_id": event.session,
        "success": event.success,
        "error_message": event.error,
        "risk_level": event.risk.value,
        "compliance_flags": ",".join(event.flags),
    }


def _details(join: str) -> str:
    texts = " || ".join(f"'\"{name}\":\"' || {name} || '\",'" for name in DETAILS)
    asserted = "'\"purpose_asserted\":' || coalesce(CAST(purpose_asserted AS VARCHAR), 'null')"
    numbers = " || ".join(f"',\"{name}\":' || CAST({name} AS VARCHAR)" for name in ("version", "sequence"))
    classes = f"""replace('["' || {join}(classes, '","') || '"]', '[""]', '[]')"""
    return f"""'{{' || {texts} || {asserted} || {numbers} || ',"classes":' || {classes} || '}}'"""


COLUMNS: Final = columns()
"""The columns in DuckDB's dialect; ``columns(JOIN_TRINO)`` in Athena's."""
