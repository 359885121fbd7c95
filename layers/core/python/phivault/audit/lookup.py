"""An event by its id alone. The index has no key for it and needs none: a version 7 UUID carries its time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from phivault.audit.query import By, EventRows, Found, Partition, found, place
from phivault.errors import NotFound, Unavailable

MAX_READS: Final = 40
_BATCH: Final = 100
_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2999, 1, 1, tzinfo=UTC)
# An id is drawn when its event is built. The event's time is that moment, or the beginning of a request that took long.
_WINDOWS: Final = tuple(
    (timedelta(seconds=before), timedelta(seconds=after)) for before, after in ((0.02, 0.02), (1, 0.5), (40, 5))
)


def find(index: EventRows, tenant: str, id: str) -> Found:
    """The event of ``tenant`` with this id, in a bounded number of reads however large the index is. Raises NotFound
    (absent, another tenant's, or no id of ours: alike), Unavailable."""
    drawn, reads = _time_of(id), 0
    for partition, lowest, beginning in _ranges(tenant, drawn):
        below: str | None = beginning
        while below is not None:
            if reads == MAX_READS:
                raise Unavailable("Too many events around that time to look this one up")
            rows = [found(row) for row in index.newest(partition, lowest=lowest, below=below, limit=_BATCH)]
            reads += 1
            for event in rows:
                if event.entry.event.id == id and event.entry.event.tenant == tenant:
                    return event
            below = rows[-1].place if len(rows) == _BATCH else None
    raise NotFound("There is no such event")


def _ranges(tenant: str, drawn: datetime) -> Iterator[tuple[Partition, str, str]]:
    """The days of each window, newest first, with the places where it begins and ends."""
    for before, after in _WINDOWS:
        start, end = drawn - before, drawn + after
        for day in sorted({start.date(), end.date()}, reverse=True):
            yield Partition(By.DAY, tenant, period=f"{day:%Y%m%d}"), place(start), place(end)


def _time_of(id: str) -> datetime:
    try:
        value = uuid.UUID(id)
        drawn = datetime.fromtimestamp((value.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise NotFound("There is no such event") from None
    if str(value) != id or value.version != 7 or not _EARLIEST < drawn < _LATEST:
        raise NotFound("There is no such event")
    return drawn
