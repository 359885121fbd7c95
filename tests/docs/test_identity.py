"""docs/identity.md: its commands run as a reader would run them, and each answer is the one that stands below."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from phivault.identity.limits import NUMBERS, Limit
from phivault.identity.lockout import KNOWN_FIRST_LOCK, STRANGERS_FIRST_LOCK, lock_seconds
from tests.docs.test_walkthrough import await_fresh_codes
from tests.support.sources import somewhere

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "identity.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", PAGE, re.DOTALL)
CUT = "…"
END = "\x1e"


def _is_shown(shown: str, said: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, shown.split(CUT))), said) is not None


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="curl or bash is missing")
def test_every_answer_is_the_one_shown(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".local").symlink_to(stack.folder)
    # From an address of its own: the locks and limits of one belong to nobody else.
    (tmp_path / ".curlrc").write_text(f"interface = {somewhere()}\n")
    script = f"echo; echo {END}\n".join(commands for commands, _ in BLOCKS)
    await_fresh_codes(stack, ("tenant_admin", "security_officer"))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = done.stdout.split(f"\n{END}\n")
    assert len(said) == len(BLOCKS) > 12
    for (commands, shown), answer in zip(BLOCKS, said, strict=True):
        expected = [line.rstrip() for line in shown.rstrip().splitlines()]
        given = [line.rstrip() for line in answer.rstrip().splitlines()]
        alike = len(expected) == len(given) and all(map(_is_shown, expected, given))
        assert alike, f"{commands}\n{answer}\n{done.stderr}"


def test_the_locks_are_those_of_the_code() -> None:
    number, strangers, known = (
        [cell.strip() for cell in row.split("|")[2:-1]]
        for row in re.findall(r"^\| (?:n|strangers|a known place) .*$", PAGE, re.M)
    )
    first = [int(cell.split()[0]) for cell in number]
    assert strangers == [_spoken(lock_seconds(n, STRANGERS_FIRST_LOCK)) for n in first]
    assert known == [_spoken(lock_seconds(n, KNOWN_FIRST_LOCK)) for n in first]


def _spoken(seconds: int) -> str:
    if seconds >= 3600:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds >= 600 else f"{seconds} s" if seconds else "0"


def test_the_limits_are_those_of_the_code() -> None:
    table = PAGE.partition("| what | for each | at most |")[2].partition("\n\n")[0]
    shown = [tuple(map(int, re.findall(r"\d+", row.split("|")[3]))) for row in table.splitlines()[2:]]
    assert [(pair[0], pair[1] * 60 if len(pair) > 1 else 3600) for pair in shown] == [
        NUMBERS[Limit(kind)]
        for kind in (
            "sign-up",
            "email-code",
            "email-source",
            "sms-code",
            "sms-source",
            "sms-tenant",
            "resend",
            "forgot",
            "forgot-source",
            "sign-in",
            "failures-source",
        )
    ]
