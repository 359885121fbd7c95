"""``phivault phi scan``: what it prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from phivault.cli.phi import app

MAIL = "zyxwvuts@example.org"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text(f"Write to {MAIL}.\n", "utf-8")
    return path


def run(*arguments: object, given: bytes = b"") -> Result:
    return CliRunner().invoke(app, ["scan", *map(str, arguments)], input=given)


def test_place_and_kind_are_printed_and_the_value_is_not(file: Path) -> None:
    done = run(file)
    assert (done.exit_code, done.stdout) == (1, f"{file}:1:10: email (F)\n")
    assert MAIL not in done.output


def test_the_value_is_printed_where_it_is_asked_for(file: Path) -> None:
    assert MAIL in run(file, "--show").stdout


def test_json_for_programs(file: Path) -> None:
    (row,) = json.loads(run(file, "--json").stdout)
    assert row == {"file": str(file), "place": "1:10", "kind": "email", "safe_harbor": "F", "score": 0.95}


def test_nothing_found_is_success(tmp_path: Path) -> None:
    (tmp_path / "lab.txt").write_text("Sodium 138 mmol/L\n", "utf-8")
    done = run(tmp_path / "lab.txt")
    assert (done.exit_code, done.output) == (0, "")


def test_standard_input(file: Path) -> None:
    assert run("-", given=file.read_bytes()).stdout == "-:1:10: email (F)\n"


def test_what_cannot_be_read_is_told_without_its_content_and_the_rest_is_scanned(tmp_path: Path, file: Path) -> None:
    (tmp_path / "x.json").write_text("{Zyx", "utf-8")
    (tmp_path / "latin.txt").write_bytes(b"Zyx \xff")
    done = run(tmp_path / "x.json", tmp_path / "latin.txt", tmp_path / "missing", file)
    assert done.exit_code == 2
    assert done.stdout == f"{file}:1:10: email (F)\n"
    assert len(done.stderr.splitlines()) == 3
    assert "Zyx" not in done.output


def test_a_file_that_cannot_be_read_is_told_in_a_line(tmp_path: Path) -> None:
    for path, why in ((tmp_path, "is a folder: name the files in it"), (tmp_path / "none", "is not there")):
        done = run(path)
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"{path}: {why}\n")
