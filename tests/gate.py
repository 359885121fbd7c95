"""Pytest for the gate: of thousands of tests on a busy machine, few that failed beside others are tried again alone.

``python -m tests.gate ARGUMENTS OF PYTEST``. A run with failures in one to three files is forgiven where each passes
three times in a row alone; all are named. Attacks that succeeded once, failures in more files (what many tests of one
wait for fails them all), or a run that didn't end by itself, aren't. Exits as pytest does. ADR 0046 says why.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

FORGIVEN, TIMES = 3, 3  # files, runs
FINAL = "tests/attacks/"
_FAILED = 1  # pytest's exit code for a run that came to its end with failures
_CACHE = Path(".pytest_cache/v/cache/lastfailed")

type Run = Callable[[Sequence[str]], int]


def gate(arguments: Sequence[str], run: Run, failures: Callable[[], list[str]]) -> int:
    """The exit code: that of the whole run, or 0 where its few failures passed alone each time."""
    code = run(arguments)
    failed = failures() if code == _FAILED else []
    files = {name.partition("::")[0] for name in failed}
    if not 0 < len(files) <= FORGIVEN or any(file.startswith(FINAL) for file in files):
        return code
    sys.stdout.write("\n  ".join([f"Failed beside others, to be mended; tried {TIMES} times alone:", *failed]) + "\n")
    sys.stdout.flush()
    for _ in range(TIMES):
        if again := run(["-q", *failed]):
            return again
    return 0


def _pytest(arguments: Sequence[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


def _last_failed() -> list[str]:
    return list(json.loads(_CACHE.read_text()))


if __name__ == "__main__":
    _CACHE.unlink(missing_ok=True)  # so that nothing of an earlier run is taken for this one's
    sys.exit(gate(sys.argv[1:], _pytest, _last_failed))
