"""Go's own transparency-log packages (golang.org/x/mod/sumdb), sharing no code with phivault, verify an export."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.independent.exports import FALSIFIED, fresh_export, world


def _verify(program: Path, folder: Path, vkey: str = "") -> subprocess.CompletedProcess[str]:
    vkey = vkey or world().log.log_key.vkey
    return subprocess.run([str(program), str(folder), vkey], capture_output=True, text=True, timeout=60, check=False)


def test_go_verifies_an_export(program: Path, tmp_path: Path) -> None:
    done = _verify(program, fresh_export(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{world().log.size} 0\n"
    assert world().log.size > 65_536


@pytest.mark.parametrize("name", FALSIFIED)
def test_go_notices(name: str, program: Path, tmp_path: Path) -> None:
    folder = fresh_export(tmp_path)
    FALSIFIED[name](folder)
    done = _verify(program, folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("invalid: ")


def test_go_refuses_another_logs_key(program: Path, tmp_path: Path) -> None:
    other = world().log.log_key.vkey.replace("north", "south")
    assert _verify(program, fresh_export(tmp_path), other).returncode == 1


def test_go_refuses_an_empty_folder(program: Path, tmp_path: Path) -> None:
    assert _verify(program, tmp_path).returncode == 1
