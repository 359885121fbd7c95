"""What the sealer needs of storage beyond reading: one pointer that changes by compare-and-swap, files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from phivault.audit.log.store import LogReader
from phivault.audit.store import RecordedEvent


@dataclass(frozen=True, slots=True)
class Head:
    """The log's current checkpoint, a signed note. ``tag`` is the store's own, of exactly these bytes."""

    note: bytes
    tag: str


class SealStore(LogReader, Protocol):
    """Obligations: a write is durable once it returned; after an error it may have happened or not. Reads see every
    write that returned before. Everything raises Unavailable."""

    def head(self) -> Head | None:
        """None for a log that has no checkpoint yet."""

    def swap(self, note: bytes, tag: str | None) -> str:
        """Make ``note`` the checkpoint if the one of ``tag`` still is (None: if there is none); its tag. Of two that
        try at once one wins. Raises Conflict for the other."""

    def stage(self, name: str, body: bytes) -> None:
        """Keep ``body`` under ``name``, in place of what stood there."""

    def staged(self, name: str) -> bytes:
        """Raises NotFound."""

    def staged_names(self) -> Sequence[str]: ...

    def unstage(self, name: str) -> None:
        """Remove it; nothing where there is none."""

    def publish(self, path: str, body: bytes) -> None:
        """Store a tile or bundle: a full one locked, for good, a partial one until ``withdraw``. Raises
        IntegrityError where other bytes stand under the path of a full one."""

    def withdraw(self, path: str) -> None:
        """Remove a partial tile or bundle; nothing where there is none. Raises ValueError for a full one."""

    def keep(self, hour: str, note: bytes) -> None:
        """Lock ``note`` as the hour's (``yyyy-mm-ddTHH``) witnessed checkpoint, unless the hour has one."""

    def stored_at(self, key: str) -> datetime:
        """The store's own time of an object under ``ev/``. Raises NotFound."""


class IndexRows(Protocol):
    """The search index, compared with the log. Obligations: ``heal`` adds the rows of ``events`` that are missing and
    replaces those that differ; a row that is right is left alone, because every change of a row is looked at as a
    possible manipulation. Answers how many it wrote. Raises Unavailable; some may then be written."""

    def heal(self, events: Sequence[RecordedEvent]) -> int: ...
