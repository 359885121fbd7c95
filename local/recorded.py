"""A file of the AWS calls that functions really made, for the test that compares them with what is granted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

VARIABLE = "PHIVAULT_RECORD_ACTIONS"
"""Names the file to append to; without it nothing is recorded."""


def recorder(function: str, path: str | None) -> Callable[[tuple[str, str]], None]:
    """Appends a line of JSON [function, action, resource] the first time that this process makes a call."""
    told: set[tuple[str, str]] = set()

    def record(call: tuple[str, str]) -> None:
        if path and call not in told:
            told.add(call)
            _append(path, json.dumps([function, *call]) + "\n")

    return record


def _append(path: str, line: str) -> None:
    # One write to a file opened to append: lines of several processes don't mix.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def read(path: Path) -> set[tuple[str, str, str]]:
    """Function, action and resource of each call."""
    return {(str(name), str(action), str(on)) for name, action, on in map(json.loads, path.read_text().splitlines())}
