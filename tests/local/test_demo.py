"""``phivault demo`` on a stack of its own: its steps stop S3, destroy keys and open keys past the product."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.demo.steps import STEPS
from tests.support.stack import Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
COMMAND = Path(sys.executable).with_name("phivault")
README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
EXPORT, ERASURE, UNRECORDED = 6, 7, 8
SEARCH, ENTRIES, ROTATION, ROLLBACK = 14, 15, 16, 17


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("demo")
    run = Run.start(folder / "state", folder / "output.log")
    try:
        run.wait_ready()
        yield run
        assert run.interrupt() == 0
    finally:
        run.end()


def phivault(own: Run, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PHIVAULT_LOCAL": str(own.folder)}
    return subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def shown(own: Run) -> str:
    """Of a whole demo, with requests and answers."""
    done = phivault(own, "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def play(own: Run, number: int) -> list[dict[str, Any]]:
    """A step as the page plays it."""
    base = json.loads((own.folder / "demo.json").read_text())["base_url"]
    answer = httpx.post(f"{base}/_local/demo/{number}", timeout=120).raise_for_status()
    return [json.loads(line) for line in answer.text.splitlines()]


def test_every_promise_is_kept(shown: str) -> None:
    kept, broken = len(re.findall("^  kept ", shown, re.MULTILINE)), re.findall("^  BROKEN.*", shown, re.MULTILINE)
    assert broken == []
    assert re.findall(r"^(\d+)\. ", shown, re.MULTILINE) == [str(number) for number in range(1, len(STEPS) + 1)]
    assert kept > 2 * len(STEPS)
    assert shown.splitlines()[-1] == f"{kept} of {kept} promises kept"


def test_the_readme_shows_it(shown: str) -> None:
    """Titles and verdicts; "…" stands for a number of each play."""
    block = README.split("$ .venv/bin/phivault demo --quiet\n")[1].split("```")[0]
    said = [line for line in shown.splitlines() if line and not line.startswith("         ")]
    told = [line for line in block.splitlines() if line]
    assert len(said) == len(told)
    for line, expected in zip(said, told, strict=True):
        assert re.fullmatch(".*".join(map(re.escape, expected.split("…"))), line), line


@pytest.mark.parametrize("number", [SEARCH, ENTRIES, ROTATION, ROLLBACK])
def test_a_step_about_records_may_be_played_again(own: Run, shown: str, number: int) -> None:
    assert all(exchange["kept"] for exchange in play(own, number))


def test_it_shows_no_token_and_no_signed_address(shown: str) -> None:
    assert not re.search(r"eyJ[\w-]+\.eyJ", shown)
    assert "X-Amz-Signature" not in shown


def test_nothing_that_was_opened_stays(own: Run, shown: str) -> None:
    assert "personal.ndjson.zst" in shown
    assert not list(own.folder.glob("desk-*"))


def test_what_was_altered_is_named(own: Run, shown: str) -> None:
    *_, intact, altered, proven = play(own, EXPORT)
    assert [step["kept"] for step in (intact, altered, proven)] == [True] * 3
    assert "exit status 0" in intact["answer"]
    assert "exit status 1" in altered["answer"]
    event = json.loads(proven["request"].splitlines()[-1])["id"]
    leaf = re.findall(r"^the line is leaf (\d+) of", proven["answer"], re.MULTILINE)[0]
    assert re.search(rf"^V6 .*\(leaf {leaf}, event {event}, object ev/", altered["answer"], re.MULTILINE)


def test_a_person_is_gone_and_the_log_is_not(own: Run, shown: str) -> None:
    whole, _, _, index, gone, opened, checked = play(own, ERASURE)
    assert all(step["kept"] for step in (whole, index, gone, opened, checked))
    assert re.fullmatch(r"[1-9]\d* before, 0 now", index["answer"])
    assert '"birthDate"' in whole["answer"]
    assert gone["answer"].startswith("410 ")
    patient, clinician = opened["answer"].split("of the clinician")
    assert "erased" in patient
    assert "@" not in patient
    assert "erased" not in clinician
    assert "exit status 0" in checked["answer"]


def test_each_opened_key_is_named_anew(own: Run, shown: str) -> None:
    first, second = (json.loads(play(own, UNRECORDED)[-1]["answer"].rpartition("\n")[0]) for _ in range(2))
    assert first["kind"] == second["kind"] == "foreign-unwrap"
    assert first["id"] != second["id"]


def test_a_promise_that_is_not_kept_reads_so(own: Run, shown: str, tmp_path: Path) -> None:
    """Where a legal hold keeps the keys, nothing is erased."""
    hold = ("--tenant", "tenant-a", "--case", "c1", "--state", str(tmp_path / "state.json"))
    assert phivault(own, "audit", "hold", "place", *hold).returncode == 0
    try:
        done = phivault(own, "demo", "--step", str(ERASURE), "--quiet")
    finally:
        assert phivault(own, "audit", "hold", "release", *hold).returncode == 0
    assert done.returncode == 1
    marks = re.findall("^  (kept|BROKEN) ", done.stdout, re.MULTILINE)
    assert marks == ["kept", "BROKEN", "BROKEN", "BROKEN", "BROKEN", "BROKEN", "kept"]
