"""The row that SQL makes of a stored line is the row that Python makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from hypothesis import HealthCheck, given, settings

from phivault.audit.canonical import Genesis, encode
from phivault.audit.projections.columns import COLUMNS, JOIN_TRINO, LINE, PERSONAL, columns, row, select
from tests.support.audit_lines import a_line, event_lines

if TYPE_CHECKING:
    from phivault.audit.canonical import EventLine


def _query(text: str) -> duckdb.DuckDBPyRelation:
    found = duckdb.sql(text)
    assert found is not None
    return found


def _relation(path: Path) -> str:
    types = ", ".join(f"{name}: '{kind}'" for name, (kind, _) in LINE.items())
    return f"read_json('{path}', format='newline_delimited', columns={{{types}}})"


def test_the_columns_are_those_that_the_table_promises() -> None:
    assert list(COLUMNS) == [
        *("id", "timestamp", "user_id", "user_email", "action", "resource", "resource_id", "details", "ip_address"),
        *("user_agent", "session_id", "success", "error_message", "risk_level", "compliance_flags"),
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=event_lines())
def test_sql_and_python_agree(tmp_path: Path, line: EventLine) -> None:
    path = tmp_path / "lines.ndjson"
    path.write_bytes(encode(line) + b"\n" + encode(Genesis(writer="0" * 32, timestamp="2026-01-02T03:04:05.678Z")))
    found = _query(select(_relation(path)))
    assert found.columns == list(COLUMNS)
    assert [str(kind) for kind in found.types] == [column.type for column in COLUMNS.values()]
    (values,) = found.fetchall()  # the genesis is nobody's event
    shown = dict(zip(COLUMNS, values, strict=True))
    shown["timestamp"] = f"{shown['timestamp'].isoformat(timespec='milliseconds')}Z"
    assert shown == row(line)
    assert json.loads(shown["details"])["classes"] == list(line.event.classes)


def test_a_line_has_a_type_for_every_member() -> None:
    assert set(LINE) == set(json.loads(encode(a_line())))


@settings(max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=event_lines())
def test_opened_fields_are_joined_by_id(tmp_path: Path, line: EventLine) -> None:
    path, opened = tmp_path / "lines.ndjson", tmp_path / "opened.json"
    path.write_bytes(encode(line) + b"\n")
    opened.write_text(json.dumps({"id": line.event.id, **{name: f"the {name}" for name in PERSONAL}}))
    found = _query(select(_relation(path), opened=f"read_json('{opened}')"))
    shown = dict(zip(COLUMNS, found.fetchall()[0], strict=True))
    assert [shown[name] for name in PERSONAL] == [f"the {name}" for name in PERSONAL]


def test_athena_has_the_same_columns_in_its_own_dialect() -> None:
    trino = columns(JOIN_TRINO)
    assert {name: column.type for name, column in trino.items()} == {n: c.type for n, c in COLUMNS.items()}
    assert "array_to_string" not in select("lines", join=JOIN_TRINO)
