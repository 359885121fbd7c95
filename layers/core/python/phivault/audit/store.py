"""Where audit events go: the ports of the recorder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class EventStore(Protocol):
    """The locked bucket. Obligations: when ``put`` returns, the object is durable, can't be deleted or changed
    before its retention ends, and nothing stood under ``key`` before unless it was the same bytes (an
    unknown earlier attempt of ours). Raises Unavailable when that can't be established by ``deadline``
    (``time.monotonic()`` seconds); the object may then exist or not."""

    def put(self, key: str, body: bytes, *, deadline: float) -> None: ...


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as stored: its canonical ``line`` (no newline), the object that holds it, its place in there."""

    line: bytes
    object_key: str
    position: int


class EventIndex(Protocol):
    """The rebuildable projection. Obligations: ``add`` is idempotent per event id. It may raise Unavailable:
    the caller logs that and goes on, the log itself being the authority."""

    def add(self, events: Sequence[RecordedEvent]) -> None: ...
