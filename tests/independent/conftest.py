from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "go" / "verify_export.go"
LIBRARIES = Path(os.environ.get("PHIVAULT_GOCODE", "/usr/share/gocode"))
NEEDED = ("golang.org/x/mod/sumdb/tlog", "github.com/klauspost/compress/zstd")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verifier in Go, built."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed: apt-get install golang-go")
    if not all((LIBRARIES / "src" / package).is_dir() for package in NEEDED):
        pytest.skip("apt-get install golang-golang-x-mod-dev golang-github-klauspost-compress-dev")
    built = tmp_path_factory.mktemp("go") / "verify_export"
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": str(LIBRARIES), "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", str(built), str(SOURCE)], env=environment, check=True, timeout=120)
    return built
