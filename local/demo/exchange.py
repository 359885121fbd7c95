"""One thing asked, what came back, and whether that is what the product promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Exchange:
    """``request`` and ``answer`` are what was really sent and returned, secrets shortened; ``kept`` is the verdict
    and ``verdict`` its ground in words."""

    title: str
    request: str
    answer: str
    kept: bool
    verdict: str

    def document(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}
