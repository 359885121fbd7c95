"""A log of a morning, and what ``phivault audit verify`` says of an export of it. The attacker holds what each test
says: the folder alone, the log's key, or a writer."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from phivault.cli.main import app
from tests.support.exports import Keys, Trail, trail


@dataclass
class Said:
    """``exit`` status and ``report``, the JSON that was printed; ``text`` is all of the output."""

    exit: int
    text: str
    report: dict[str, Any]

    def names(self, step: str, text: str, **place: Any) -> bool:
        """Whether a finding of the step says this of this place."""
        return any(
            each["step"] == step and text in each["text"] and all(each[name] == value for name, value in place.items())
            for each in self.report["findings"]
        )


@pytest.fixture(scope="session")
def _morning() -> Trail:
    return trail(400, writers=3, per_minute=2, lifetime=40)


@pytest.fixture
def log(_morning: Trail) -> Trail:
    """Three hours and twenty minutes of three writers that retire after 40 lines; a checkpoint each minute."""
    return copy.deepcopy(_morning)


@pytest.fixture
def keys(log: Trail) -> Keys:
    return log.keys


@pytest.fixture
def verify(tmp_path: Path, keys: Keys) -> Any:
    """Writes the files as a folder and runs the command over it."""

    def run(files: dict[str, bytes], *options: str, key: str = keys.log_vkey, witness: str = keys.witness_vkey) -> Said:
        folder = tmp_path / "export"
        for path, body in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(body)
        return run_command(folder, key, witness, *options)

    return run


def run_command(folder: Path, key: str, witness: str, *options: str) -> Said:
    arguments = ["audit", "verify", str(folder), "--key", key, "--witness", witness, "--processes", "1", "--json"]
    result = CliRunner().invoke(app, [*arguments, *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    report = json.loads(result.stdout) if result.exit_code < 2 else {"findings": []}
    assert result.exit_code < 2 or len(result.stderr.strip().splitlines()) == 1
    return Said(result.exit_code, result.output, report)
