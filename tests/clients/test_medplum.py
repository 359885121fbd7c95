"""The Medplum TypeScript client, as npm has it, used by a program: medplum/use.mjs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

HERE = Path(__file__).parent / "medplum"
LOCK = json.loads((HERE / "package-lock.json").read_text())
INSTALLED = HERE / "node_modules" / "@medplum" / "core" / "package.json"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_client = pytest.mark.skipif(
    not INSTALLED.is_file(), reason="@medplum/core is not installed: npm ci --prefix tests/clients/medplum"
)


def command() -> list[str]:
    """The client wants a WebSocket to be there; Node 20 has it behind a flag, later ones without."""
    flag = ["--experimental-websocket"]
    asked = ["-p", "typeof WebSocket"]
    plain = subprocess.run(["node", *asked], capture_output=True, text=True, timeout=30, check=True)
    return ["node", *([] if plain.stdout.strip() == "function" else flag)]


def test_the_client_is_pinned_by_its_bytes_and_by_no_registry() -> None:
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    packages = {name: package for name, package in LOCK["packages"].items() if name}
    assert wanted == {"@medplum/core": packages["node_modules/@medplum/core"]["version"]}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())


@needs_node
@needs_client
def test_it_does_what_programs_do_with_it(stack: RunningStack, token: str) -> None:
    assert json.loads(INSTALLED.read_text())["version"] == LOCK["packages"]["node_modules/@medplum/core"]["version"]
    given = json.dumps({"base": stack.base_url, "token": token})
    done = subprocess.run(
        [*command(), "use.mjs"], cwd=HERE, input=given, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") == 12
