"""docs/clients.md: its programs run as they stand there, and print what stands below each."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.test_medplum import command, needs_client, needs_node
from tests.support.accounts import Account

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text("utf-8")
BLOCKS = {
    kind: (program, shown)
    for kind, program, shown in re.findall(r"```(\w+)\n(.*?)```\n\n```text\n(.*?)```\n", PAGE, re.DOTALL)
}


@pytest.fixture(scope="module")
def surroundings(stack: RunningStack) -> dict[str, str]:
    token = Account(stack, "clinician", stack.tenants[0]).tokens()["access_token"]
    return {**os.environ, "API": f"{stack.base_url}/v1", "TOKEN": token}


def _plays(kind: str, command: list[str], folder: Path, surroundings: dict[str, str]) -> None:
    program, shown = BLOCKS[kind]
    done = subprocess.run(
        command, input=program, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(".*".join(map(re.escape, shown.split("…"))), done.stdout), done.stdout


def test_all_of_them_are_played() -> None:
    assert set(BLOCKS) == {"python", "js", "sh"}
    assert len(re.findall(r"```\w+\n", PAGE)) == 2 * len(BLOCKS)


def test_fhirpy(surroundings: dict[str, str], tmp_path: Path) -> None:
    _plays("python", [sys.executable, "-"], tmp_path, surroundings)


@needs_node
@needs_client
def test_medplum(surroundings: dict[str, str]) -> None:
    folder = ROOT / "tests" / "clients" / "medplum"
    _plays("js", [*command(), "--input-type=module", "-"], folder, surroundings)


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="curl or bash is missing")
def test_plain_http(surroundings: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    _plays("sh", ["bash", "-s"], tmp_path, surroundings)
