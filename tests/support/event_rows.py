"""The audit index in memory, read as its port says, with what it was asked for counted."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence

from phivault.audit.canonical import EventLine, Link, encode
from phivault.audit.event import AuditEvent
from phivault.audit.query import ALERTED, By, Partition, period_of
from phivault.audit.store import RecordedEvent

_LINK = Link(writer="0" * 32, sequence=1, prev="0" * 64)


class MemoryRows:
    """EventRows over events. ``reads`` counts the calls, ``rows`` the rows that they answered."""

    def __init__(self, events: Iterable[AuditEvent | EventLine] = ()) -> None:
        self._partitions: dict[Partition, list[tuple[str, EventLine]]] = {}
        self.reads = self.rows = 0
        for event in events:
            self.put(event)

    def put(self, event: AuditEvent | EventLine) -> None:
        entry = (
            event
            if isinstance(event, EventLine)
            else EventLine(event, Link(writer="0" * 32, sequence=1, prev="0" * 64))
        )
        for partition in partitions_of(entry.event):
            rows = self._partitions.setdefault(partition, [])
            insort(rows, (f"{entry.event.timestamp}#{entry.event.id}", entry), key=lambda row: row[0])

    def replace(self, entry: EventLine) -> None:
        """Put ``entry`` where the event of this id stands, as whoever may write the table can."""
        for partition, rows in self._partitions.items():
            self._partitions[partition] = [row for row in rows if row[1].event.id != entry.event.id]
        self.put(entry)

    def newest(self, partition: Partition, *, lowest: str, below: str, limit: int) -> Sequence[RecordedEvent]:
        held = self._partitions.get(partition, [])
        start, end = (bisect_left(held, place, key=lambda row: row[0]) for place in (lowest, below))
        found = held[max(start, end - limit) : end][::-1]
        self.reads, self.rows = self.reads + 1, self.rows + len(found)
        return [RecordedEvent(encode(entry), "object", 1) for _, entry in found]


def partitions_of(event: AuditEvent) -> Iterator[Partition]:
    yield Partition(By.DAY, event.tenant, period=period_of(By.DAY, event.timestamp))
    yield Partition(By.PATIENT, event.tenant, event.patient)
    yield Partition(By.USER, event.tenant, event.user_id, period_of(By.USER, event.timestamp))
    if event.risk in ALERTED:
        yield Partition(By.ALERT, event.tenant, period=period_of(By.ALERT, event.timestamp))
