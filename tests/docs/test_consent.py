"""docs/consent.md: its commands run as a reader would run them; what it lists is what the code knows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from phivault.phi.data_class import DataClass
from phivault.records import consent_provision, consent_rules, consent_terms
from tests.docs.test_walkthrough import await_fresh_codes

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "consent.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```\n", PAGE, re.DOTALL)
END = "\x1e"


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="curl or bash is missing")
def test_every_answer_is_the_one_shown(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".local").symlink_to(stack.folder)
    await_fresh_codes(stack, ("patient", "clinician"))
    script = f"echo {END}\n".join(commands for commands, _ in BLOCKS)
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=180, check=True)
    assert done.stderr == "", done.stdout
    assert PAGE.count("```sh") == len(BLOCKS) == 4
    assert done.stdout.split(f"{END}\n") == [shown for _, shown in BLOCKS]


def test_the_codes_are_those_of_the_code() -> None:
    table = PAGE.partition("\n## The provision")[2].partition("\n## ")[0]
    for _, code in (*consent_terms.PURPOSES, *consent_terms.LABELS, *consent_terms.ACTIONS):
        assert re.search(rf"\b{code}\b", table) or code in {each.value for each in DataClass}
    narrow = re.search(r"v3-ActCode ([A-Z, \n]+)\.", table)
    assert narrow is not None
    assert {
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", code) for code in re.findall(r"[A-Z]+", narrow[1])
    } == (consent_terms.NARROW)
    purposes = re.search(r"X-Purpose-Of-Use`: ([A-Z_, ]+), in\n", table)
    assert purposes is not None
    assert purposes[1].split(", ") == [purpose.value for purpose in consent_terms.PURPOSES.values()]


def test_the_bounds_are_those_of_the_code() -> None:
    refused = PAGE.partition("\n## What is refused")[2].partition("\n## ")[0]
    for number in (
        f"more than {consent_provision.MAX_DEPTH} levels",
        f"more than {consent_provision.MAX_PROVISIONS - 1} exceptions",
        f"more than {consent_provision.MAX_TERMS} values",
        f"more than {consent_rules.MAX_BYTES:,} bytes",
        f"more than {consent_rules.MAX_ACTIVE} active Consents",
        f"more than {consent_rules.MAX_STANDING} that",
    ):
        assert number in refused
