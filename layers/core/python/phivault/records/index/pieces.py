"""The values of a resource that stand at paths."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def values(members: Mapping[str, bytes], paths: Sequence[str]) -> Iterator[Any]:
    """What stands at each of the paths in the members (JSON texts by element), lists opened at every step."""
    for path in paths:
        element, *steps = path.split(".")
        if element in members:
            yield from _values(members[element], steps)


def _values(text: bytes, steps: Sequence[str]) -> list[Any]:
    # These texts were read strictly when they came in, and are authentic when they were unsealed.
    found = _flat(json.loads(text))
    for step in steps:
        found = [value for item in found if isinstance(item, dict) and step in item for value in _flat(item[step])]
    return found


def _flat(value: Any) -> list[Any]:
    return [item for part in value for item in _flat(part)] if isinstance(value, list) else [value]
