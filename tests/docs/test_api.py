"""docs/api.md has a row for each FHIR operation of the API document, with the actions that it records."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
PATHS = json.loads((ROOT / "functions" / "pages" / "openapi.json").read_text("utf-8"))["paths"]
VERBS = ("get", "post", "put", "patch", "delete")
OPERATIONS = [
    (verb.upper(), path, operation["x-audit"])
    for path, operations in PATHS.items()
    if path.startswith("/v1/fhir")
    for verb, operation in operations.items()
    if verb in VERBS
]


def _rows() -> dict[tuple[str, str], str]:
    """By method and path: what the row says of recording. A cell may name several: ``PUT``, ``PATCH /v1/...``."""
    found: dict[tuple[str, str], str] = {}
    for line in PAGE.splitlines():
        if not line.startswith("| `") or "/v1/fhir" not in line:
            continue
        route, _, recorded = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:4])
        waiting: list[str] = []
        for named in re.findall(r"`([^`]+)`", route):
            method, _, path = named.partition(" ")
            waiting.append(method)
            if path:
                found |= {(one, path): recorded for one in waiting}
                waiting = []
    return found


@pytest.mark.parametrize(("method", "path", "actions"), OPERATIONS, ids=lambda part: str(part))
def test_every_operation_has_its_row(method: str, path: str, actions: list[str]) -> None:
    rows = _rows()
    told = rows.get((method, path)) or rows.get((method, path.replace("{type}", "Patient")))
    assert told is not None, "no row"
    assert [action for action in actions if f"`{action}`" not in told] == []
