"""Questions to an export: answered from its lines alone, with nothing else in reach."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from typer.testing import CliRunner

from phivault.audit.export import layout
from phivault.audit.export.segments import pack
from phivault.audit.projections.columns import COLUMNS
from phivault.cli.main import app
from tests.support.audit import an_event
from tests.support.exported import World, write

runner = CliRunner()
EVENTS = [
    an_event(id=f"0000000{n}-0000-7000-8000-000000000000", tenant=("north", "south")[n % 2], success=n != 3)
    for n in range(6)
]


@pytest.fixture
def world() -> World:
    made = World()
    made.record(*EVENTS)
    made.seal()
    return made


@pytest.fixture
def export(world: World, tmp_path: Path) -> Path:
    return write(world.export()[1], tmp_path / "export")


def ask(export: Path, query: str, *options: str, status: int = 0) -> str:
    result = runner.invoke(app, ["audit", "sql", str(export), query, *options])
    assert result.exit_code == status, result.output
    return result.stdout if status == 0 else result.stderr


def test_the_table_has_the_columns_and_the_events(export: Path) -> None:
    rows = json.loads(ask(export, "select * from audit_logs order by id", "--json"))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["id"] for row in rows] == [event.id for event in EVENTS]
    assert rows[0]["timestamp"] == EVENTS[0].timestamp
    assert rows[0]["user_email"] is None
    assert json.loads(rows[0]["details"])["patient"] == "patient-1"
    assert [row["success"] for row in rows] == [True, True, True, False, True, True]


def test_csv_and_table(export: Path) -> None:
    query = "select success, count(*) as events from audit_logs group by all order by all"
    assert list(csv.reader(io.StringIO(ask(export, query, "--csv")))) == [
        ["success", "events"],
        ["False", "1"],
        ["True", "5"],
    ]
    assert "events" in ask(export, query)


def test_an_answer_may_have_more_rows_than_a_batch(export: Path) -> None:
    query = "select range from range(25000)"
    assert [row["range"] for row in json.loads(ask(export, query, "--json"))] == list(range(25_000))
    assert ask(export, query, "--csv").splitlines() == ["range", *map(str, range(25_000))]
    assert "more than 10000 rows" in ask(export, query, status=2)
    assert json.loads(ask(export, "select 1 where false", "--json")) == []


def test_an_answer_larger_than_memory_is_written_as_it_comes(export: Path) -> None:
    """A terabyte, of which somebody reads the beginning: what isn't read isn't made."""
    query = "select repeat('x', 1000) as filler from range(1000000000)"
    code = "import sys; from phivault.cli.main import app; sys.argv[0] = 'phivault'; app()"
    command = [sys.executable, "-c", code, "audit", "sql", str(export), query, "--csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.read(50_000_000).count(b"\n") > 49_000
        status = Path(f"/proc/{process.pid}/status")
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        process.kill()
    assert peak is None or int(peak[1]) < 1 << 20


def test_a_tenants_export_has_its_events_alone(world: World, tmp_path: Path) -> None:
    folder = write(world.export(tenant="north")[1], tmp_path / "north")
    rows = json.loads(ask(folder, "select id from audit_logs order by id", "--json"))
    assert [row["id"] for row in rows] == [event.id for event in EVENTS if event.tenant == "north"]


def test_opened_fields_are_joined_by_the_events_id(export: Path, tmp_path: Path) -> None:
    file = tmp_path / "personal.ndjson.zst"
    opened = [
        json.dumps({"id": EVENTS[0].id, "user_email": "a@b.example", "ip_address": "192.0.2.1"}).encode(),
        json.dumps({"id": EVENTS[1].id, "erased": True}).encode(),
    ]
    file.write_bytes(pack(opened[:1]) + pack(opened[1:]))  # a frame for each segment
    query = "select id, user_email, ip_address, user_agent from audit_logs order by id limit 3"
    rows = json.loads(ask(export, query, "--json", "--open", str(file)))
    assert [(row["user_email"], row["ip_address"]) for row in rows] == [
        ("a@b.example", "192.0.2.1"),
        (None, None),
        (None, None),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('/etc/hostname')",
        "select * from '/etc/hostname'",
        "select * from read_json('https://example.com/x.json')",
        "copy audit_logs to '{folder}/stolen.csv'",
        "attach '{folder}/other.db'",
        "export database '{folder}/out'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "select * from EVENTS",
        "select * from lines",
        "select nonsense",
        "",
        "/* nothing */",
    ],
)
def test_nothing_else_is_in_reach(export: Path, tmp_path: Path, query: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert ask(export, query.format(folder=tmp_path), status=2).count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("path", [layout.MANIFEST, layout.lines_path(0)])
@pytest.mark.parametrize("body", [None, b"", b"x", zstandard.ZstdCompressor().compress(bytes(1 << 20))])
def test_what_is_no_whole_export_is_refused(export: Path, path: str, body: bytes | None) -> None:
    (export / path).unlink() if body is None else (export / path).write_bytes(body)
    assert "no whole export" in ask(export, "select 1", status=2)


def test_a_folder_that_isnt_there_is_refused(tmp_path: Path) -> None:
    ask(tmp_path / "nothing", "select 1", status=2)


def test_what_somebody_sent_moves_no_cursor(export: Path, tmp_path: Path) -> None:
    file = tmp_path / "personal.ndjson.zst"
    file.write_bytes(pack([json.dumps({"id": EVENTS[0].id, "user_agent": "\x1b[2J\u202eevil"}).encode()]))
    shown = ask(export, "select user_agent from audit_logs", "--open", str(file))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "evil" in shown


def test_what_is_no_export_or_no_query_is_told_in_a_line(export: Path, tmp_path: Path) -> None:
    nowhere, empty = tmp_path / "nowhere", tmp_path / "empty"
    empty.mkdir()
    assert ask(nowhere, "select 1", status=2) == f"{nowhere} is no folder: name that of an export\n"
    assert ask(empty, "select 1", status=2) == f"{empty} is no whole export: a file is missing\n"
    for query in ("selekt 1", "select nothing from audit_logs", "", ";", "select * from elsewhere", "select 1/0::blob"):
        said = ask(export, query, status=2)
        assert said.strip()
        assert said.count("\n") == 1
