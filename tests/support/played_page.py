"""A page of docs/ whose commands are run as a reader would run them: each answer is the one that stands below."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.test_walkthrough import await_fresh_codes

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)
END = "\x1e"


def play(page: str, stack: RunningStack, folder: Path, *, role: str) -> int:
    """Run the page's blocks in one bash; ``role`` is whom they sign in. How many blocks there were."""
    blocks = BLOCK.findall((DOCS / page).read_text("utf-8"))
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".local").symlink_to(stack.folder)
    await_fresh_codes(stack, (role,))
    script = f"echo; echo {END}\n".join(commands for commands, _ in blocks)
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=180, check=True)
    assert done.stderr == ""
    said = done.stdout.split(f"\n{END}\n")
    for (commands, shown), answer in zip(blocks, said, strict=True):
        expected, given = shown.strip().splitlines(), answer.strip().splitlines()
        assert len(expected) == len(given), f"{commands}\n{answer}"
        assert all(map(_is_shown, expected, given)), f"{commands}\n{answer}"
    return len(blocks)


def _is_shown(shown: str, said: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), said) is not None
