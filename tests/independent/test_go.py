"""Go's own transparency-log packages (golang.org/x/mod/sumdb), sharing no code with phivault, verify an export."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.independent.exports import FALSIFIED, fresh_export, world

SOURCE = Path(__file__).parent / "go" / "verify_export.go"
LIBRARIES = Path(os.environ.get("PHIVAULT_GOCODE", "/usr/share/gocode"))
NEEDED = ("golang.org/x/mod/sumdb/tlog", "github.com/klauspost/compress/zstd")

pytestmark = [
    pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed: apt-get install golang-go"),
    pytest.mark.skipif(
        not all((LIBRARIES / "src" / package).is_dir() for package in NEEDED),
        reason="apt-get install golang-golang-x-mod-dev golang-github-klauspost-compress-dev",
    ),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("go") / "verify_export"
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": str(LIBRARIES), "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", str(built), str(SOURCE)], env=environment, check=True, timeout=120)
    return built


def _verify(program: Path, folder: Path, vkey: str = "") -> subprocess.CompletedProcess[str]:
    vkey = vkey or world().log.log_key.vkey
    return subprocess.run([str(program), str(folder), vkey], capture_output=True, text=True, timeout=60, check=False)


def test_go_verifies_an_export(program: Path, tmp_path: Path) -> None:
    done = _verify(program, fresh_export(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) == world().log.size > 65_536


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
