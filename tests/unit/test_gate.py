"""What the gate forgives, and what it doesn't."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.gate import FORGIVEN, TIMES, gate

WHOLE = ["-q", "tests"]


class Runs:
    """Runs that end with these codes, one after the other."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.asked: list[Sequence[str]] = []

    def __call__(self, arguments: Sequence[str]) -> int:
        self.asked.append(arguments)
        return self.codes.pop(0)


def test_a_run_that_passes_is_the_only_one() -> None:
    run = Runs(0)
    assert gate(WHOLE, run, lambda: ["a::b"]) == 0
    assert run.asked == [WHOLE]


def test_few_failures_are_tried_alone_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    run = Runs(1, *[0] * TIMES)
    assert gate(WHOLE, run, lambda: ["a::b", "a::c"]) == 0
    assert run.asked == [WHOLE, *[["-q", "a::b", "a::c"]] * TIMES]
    assert "a::b" in capsys.readouterr().out


@pytest.mark.parametrize("passed_before", range(TIMES))
def test_what_fails_alone_once_has_failed(passed_before: int) -> None:
    run = Runs(1, *[0] * passed_before, 1)
    assert gate(WHOLE, run, lambda: ["a::b"]) == 1
    assert run.codes == []


def test_failures_all_over_are_not_tried_again() -> None:
    assert gate(WHOLE, Runs(1), lambda: [f"{number}.py::test" for number in range(FORGIVEN + 1)]) == 1


def test_an_attack_that_failed_once_has_failed() -> None:
    assert gate(WHOLE, Runs(1), lambda: ["tests/attacks/access/test_consent.py::test_it", "a.py::b"]) == 1


def test_what_many_tests_of_a_file_wait_for_is_one() -> None:
    assert gate(WHOLE, Runs(1, *[0] * TIMES), lambda: [f"a.py::{number}" for number in range(300)]) == 0


@pytest.mark.parametrize("code", [2, 3, 4, 5, -9])
def test_a_run_that_did_not_end_by_itself_is_not_forgiven(code: int) -> None:
    assert gate(WHOLE, Runs(code), lambda: ["a::b"]) == code


def test_a_failure_that_pytest_does_not_name_is_not_forgiven() -> None:
    assert gate(WHOLE, Runs(1), list) == 1


@pytest.mark.parametrize(("broken_runs", "code"), [(1, 0), (2, 1)])
def test_real_runs_of_pytest_in_two_processes(tmp_path: Path, broken_runs: int, code: int) -> None:
    """The first run, or the first and the second, meet a failure; the file counts them."""
    (tmp_path / "test_it.py").write_text(
        "from pathlib import Path\n"
        "def test_good(): pass\n"
        "def test_sometimes():\n"
        "    runs = Path('runs')\n"
        "    runs.write_text((runs.read_text() if runs.exists() else '') + 'x')\n"
        f"    assert len(runs.read_text()) > {broken_runs}\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, root / "tests" / "gate.py", "-q", "-n", "2", "test_it.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert len((tmp_path / "runs").read_text()) == {1: 1 + TIMES, 2: 2}[broken_runs]
    assert "alone:\n  test_it.py::test_sometimes" in done.stdout
