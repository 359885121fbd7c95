"""How far the log has come: what the next pass needs to know of the lines that are leaves already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from phivault.audit.canonical import NO_HASH

HOUR_STAYS_OPEN: Final = timedelta(hours=2)
"""After its end: a PUT takes seconds and clocks are kept, so nothing comes later."""
REMEMBERED: Final = timedelta(days=3)
"""A recorder gives up a writer that was silent for a day (``recorder.LONGEST_SILENCE``)."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a writer's chain stands in the log: the sequence that comes next, the hash (hex) of its last leaf, when
    (Unix seconds) the sealer took that."""

    next: int = 0
    prev: str = NO_HASH
    at: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """``since`` is the oldest hour (``yyyy/mm/dd/HH``) that may still gain objects; empty: all hours."""

    since: str = ""
    writers: Mapping[str, Position] = field(default_factory=dict)

    def of(self, writer: str) -> Position:
        return self.writers.get(writer, Position())

    def remembering(self) -> dict[str, Position]:
        """The writers of whom an object of ``since`` or later may be found: by that hour, not by the clock, since
        after an outage of days objects that are leaves already stand among those that a pass left for the next."""
        return {writer: position for writer, position in self.writers.items() if _remembered(position) >= self.since}

    def members(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"since": self.since, "writers": {name: [at.next, at.prev, at.at] for name, at in self.writers.items()}}

    @classmethod
    def of_members(cls, members: Mapping[str, Any]) -> Progress:
        """Raises KeyError, TypeError or ValueError for anything that ``members`` doesn't make."""
        return cls(str(members["since"]), {name: Position(*place) for name, place in members["writers"].items()})


def _remembered(position: Position) -> str:
    # Hours compare as text, and one that no calendar has is somebody's to put into a key.
    return hour_of(datetime.fromtimestamp(position.at, UTC) + REMEMBERED)


def hour_of(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y/%m/%d/%H")


def oldest_open(now: datetime) -> str:
    """The oldest hour that isn't closed at ``now``."""
    return hour_of(now - HOUR_STAYS_OPEN)
