"""Which object of the bucket each line of the log lies in.

The listing has a name for every object (writer and first sequence), the log has the lines. They are walked together,
hour by hour, so that only what isn't matched yet is held.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from phivault.audit.export.segments import ObjectEntry
from phivault.audit.log.store import EventObjects, StoredObject

_NAME: Final = re.compile(r".*/([0-9a-f]{32})-([0-9a-f]{8})\.json", re.ASCII)
_MAX_KEY: Final = 256
type Place = tuple[str, int]
"""Writer and sequence."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is read of a line before it is exported; ``place`` is None where it is no line of ours. Nothing of it is
    believed: whoever verifies the export parses strictly."""

    raw: bytes
    place: Place | None = None
    tenant: str = ""
    hour: str = ""
    genesis: bool = False

    @classmethod
    def read(cls, raw: bytes) -> Line:
        try:
            members: dict[str, Any] = json.loads(raw)
            place, tenant = (members["writer"], members["sequence"]), members.get("tenant", "")
            if isinstance(place[0], str) and type(place[1]) is int and isinstance(tenant, str):
                return cls(raw, place, tenant, _hour(members["timestamp"]), members["kind"] == "genesis")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        return cls(raw)


class Listing:
    """The objects of the bucket that no line has claimed, from the hour ``since`` on (``yyyy/mm/dd/HH``)."""

    def __init__(self, objects: EventObjects, since: str = "") -> None:
        self._objects = objects
        self._hours = objects.hours(since)
        self._loaded = ""
        self._unclaimed: dict[Place, StoredObject] = {}
        self._strange: list[StoredObject] = []

    def claim(self, place: Place, hour: str) -> StoredObject | None:
        """The object that begins with this line, if there is one; a line of ``hour`` lies in an object of no later
        hour than the next."""
        while self._loaded <= hour and self._load():
            pass
        return self._unclaimed.pop(place, None)

    def rest(self) -> Iterator[StoredObject]:
        """Every object that no line claimed."""
        while self._load():
            pass
        yield from self._unclaimed.values()
        yield from self._strange

    def _load(self) -> bool:
        """One more hour; False where there is none."""
        hour = next(self._hours, None)
        if hour is None:
            return False
        for stored in self._objects.objects(hour):
            self._add(stored)
        self._loaded = hour
        return True

    def _add(self, stored: StoredObject) -> None:
        match = _NAME.fullmatch(stored.key)
        place = (match[1], int(match[2], 16)) if match else None
        # A writer uses a sequence once: a second object of that name, in another hour, is strange whatever it holds.
        if place is None or place in self._unclaimed:
            self._strange.append(stored)
        else:
            self._unclaimed[place] = stored


class Matcher:
    """Fed with the log's lines in order, finds where each object begins and how many lines it has."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._hour = ""
        self._open: _Run | None = None
        self._done: list[ObjectEntry] = []

    def feed(self, leaf: int, line: Line) -> None:
        if self._open and self._open.takes(line):
            return
        self._close()
        if line.place is None:
            return
        # Lines come nearly in order of time; one that claims an earlier hour than those before it was still stored
        # before it was sealed.
        self._hour = max(self._hour, line.hour)
        stored = self._listing.claim(line.place, self._hour)
        if stored is not None:
            self._open = _Run(stored, leaf, line)

    def take(self, before: int) -> list[ObjectEntry]:
        """The finished objects whose first line is below leaf ``before``; each is answered once."""
        taken = [entry for entry in self._done if _first(entry) < before]
        self._done = [entry for entry in self._done if _first(entry) >= before]
        return taken

    def finish(self) -> None:
        """No more lines follow."""
        self._close()

    def _close(self) -> None:
        if self._open:
            self._done.append(self._open.entry())
        self._open = None


class _Run:
    """The lines of one object so far. Its size says where it ends: the next line may be of an object that is gone."""

    def __init__(self, stored: StoredObject, first: int, line: Line) -> None:
        assert line.place is not None
        self._stored, self._first, self._count = stored, first, 1
        self._writer, self._sequence = line.place
        self._left = stored.size - len(line.raw) - 1

    def takes(self, line: Line) -> bool:
        if self._left < len(line.raw) + 1 or line.place != (self._writer, self._sequence + 1):
            return False
        self._sequence, self._count = self._sequence + 1, self._count + 1
        self._left -= len(line.raw) + 1
        return True

    def entry(self) -> ObjectEntry:
        return entry_of(self._stored, self._first, self._count)


def entry_of(stored: StoredObject, first: int | None = None, count: int = 0) -> ObjectEntry:
    """As the export lists it. A key that no writer makes is shown percent-encoded and cut: anyone who may write to the
    bucket can choose it, and it mustn't keep the export from being made."""
    key = stored.key
    if not _NAME.fullmatch(key) or not key.startswith("ev/") or len(key) > _MAX_KEY:
        key = "ev/" + quote(key.removeprefix("ev/"), safe="/")[: _MAX_KEY - 3]
    return ObjectEntry(key, stored.size, stored.etag, stored.modified, stored.versions, count, first)


def _first(entry: ObjectEntry) -> int:
    return entry.first if entry.first is not None else 0


def _hour(timestamp: str) -> str:
    """``yyyy-mm-ddTHH...`` as keys have it: ``yyyy/mm/dd/HH``."""
    return timestamp[:13].replace("-", "/").replace("T", "/")
