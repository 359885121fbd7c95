"""docs/policies-and-grants.md: its commands run as a reader would run them, and each answer is the one shown."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from phivault.access.validate import MAX_BYTES, MAX_POLICIES
from phivault.permissions.grants.terms import GRANTEES, LONGEST
from phivault.permissions.policies.state import MOST_OPEN
from tests.docs.test_walkthrough import await_fresh_codes
from tests.support.sources import somewhere

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "policies-and-grants.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", PAGE, re.DOTALL)
CUT, END = "…", "\x1e"


def _alike(shown: str, said: str) -> bool:
    expected, given = ([line.rstrip() for line in text.strip("\n").splitlines()] for text in (shown, said))
    patterns = [".*".join(map(re.escape, line.split(CUT))) for line in expected]
    return len(patterns) == len(given) and all(map(re.fullmatch, patterns, given))


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="curl or bash is missing")
def test_every_answer_is_the_one_shown(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".local").symlink_to(stack.folder)
    # From an address of its own: the limits of one belong to nobody else.
    (tmp_path / ".curlrc").write_text(f"interface = {somewhere()}\n")
    await_fresh_codes(stack, ("privacy_officer", "security_officer", "care_coordinator"))
    done = subprocess.run(
        ["bash", "-c", f"echo; echo {END}\n".join(commands for commands, _ in BLOCKS)],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = done.stdout.split(f"\n{END}\n")
    assert len(said) == len(BLOCKS) > 7, done.stderr
    for (commands, shown), answer in zip(BLOCKS, said, strict=True):
        assert _alike(shown, answer), f"{commands}\n{answer}\n{done.stderr}"


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"{MAX_BYTES >> 10} KiB and {MAX_POLICIES} policies in a tenant's text, {MOST_OPEN} open" in PAGE
    years = {kind.value: seconds // (365 * 24 * 3600) for kind, seconds in LONGEST.items()}
    assert years == {"access": 1, "parent": 20, "guardian": 20, "carer": 2, "project": 5}
    rows = {row.split("|")[1].strip(" `"): row for row in PAGE.splitlines() if row.startswith("| `")}
    for kind, roles in GRANTEES.items():
        assert all(role.value in rows[kind.value] for role in roles)
