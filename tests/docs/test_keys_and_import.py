"""docs/keys.md and docs/import.md: what they have operators type on the local stack, typed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.test_walkthrough import await_fresh_codes

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

DOCS = Path(__file__).resolve().parents[2] / "docs"
PLAYED = {"keys.md": "keys rotate", "import.md": "cat > hospital"}
BLOCK = re.compile(r"```sh\n((?:(?!```).)*)```\n\n```text\n(.*?)```", re.DOTALL)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is missing")
@pytest.mark.parametrize(("page", "typed"), PLAYED.items())
def test_every_line_is_the_one_shown(stack: RunningStack, tmp_path: Path, page: str, typed: str) -> None:
    """But for numbers, ids and folders."""
    await_fresh_codes(stack, ("clinician",))  # phivault import signs in as that one
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".local").symlink_to(stack.folder)
    ((commands, shown),) = [found for found in BLOCK.findall((DOCS / page).read_text("utf-8")) if typed in found[0]]
    done = subprocess.run(["bash", "-c", commands + " 2>&1"], cwd=tmp_path, capture_output=True, text=True, timeout=180)
    said, told = (_plain(text).splitlines() for text in (done.stderr + done.stdout, shown))
    assert [line for line in said if line] == told


def _plain(text: str) -> str:
    text = re.sub(r"(key/)[0-9a-f-]{36}", r"\1#", text)
    return re.sub(r"\b\d+\b", "#", re.sub(r"\S+/hospital", "…/hospital", text))


def test_the_population_that_the_page_has_made_is_made(tmp_path: Path) -> None:
    (made,) = re.findall(
        r"^\.venv/bin/(carebundle generate .*)$", (DOCS / "import.md").read_text("utf-8"), re.MULTILINE
    )
    command = [str(Path(sys.executable).with_name("carebundle")), *made.replace("--count 100", "--count 3").split()[1:]]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=60)
    assert len(list((tmp_path / "population").glob("*.json"))) == 3
