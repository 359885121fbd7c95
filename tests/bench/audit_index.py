"""How many rows of the index a look at the audit log reads, with a hundred times as many events beside them.

The index is in memory and made row by row when read, so that a million rows needn't exist; what is counted is what its
port is asked for. DynamoDB reads the same: a Query with a key and a range touches the rows between its bounds, newest
first, and stops at its page size, whatever else the table holds. The adapter asks each of a day's four shards for half
a page, so that a page of a hundred rows costs at most 208, at any size.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from phivault.audit.canonical import EventLine, Link, encode
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.lookup import find
from phivault.audit.projections import fhir_search
from phivault.audit.query import ALERTED, MAX_READS, By, EventRows, Page, Partition, period_of, search
from phivault.audit.store import RecordedEvent
from tests.bench._measure import Figure

SMALL, LARGE = 10_000, 1_000_000
NOW = datetime(2026, 3, 31, tzinfo=UTC)
SPAN = timedelta(days=30)
ACTIONS = tuple(action for action in Action if action is not Action.AUDIT_HOLD)
PER_PATIENT, PER_USER, PER_ALERT = 200, 500, 50
_LINK = Link(writer="0" * 32, sequence=1, prev="0" * 64)


class CountedRows:
    """``count`` events of 30 days, evenly spread, number 0 the oldest: more events are more patients and users, each as
    busy as before. ``rows`` counts those that were read."""

    def __init__(self, count: int) -> None:
        self.count, self.rows = count, 0
        self.patients, self.users = count // PER_PATIENT, count // PER_USER

    def event(self, number: int) -> AuditEvent:
        at = NOW - SPAN + SPAN * number / self.count
        milliseconds = int(at.timestamp() * 1000)
        at = datetime.fromtimestamp(milliseconds / 1000, UTC)
        return AuditEvent(
            id=str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | number)),
            timestamp=f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z",
            tenant="north",
            action=ACTIONS[number % len(ACTIONS)],
            success=number % 7 > 0,
            risk=RiskLevel.CRITICAL if number % PER_ALERT == 0 else RiskLevel.LOW,
            request_id="r",
            user_id=f"u{number % self.users}",
            patient=f"p{number % self.patients}",
        )

    def newest(self, partition: Partition, *, lowest: str, below: str, limit: int) -> Sequence[RecordedEvent]:
        found = list(itertools.islice(self._between(partition, lowest, below), limit))
        self.rows += len(found)
        return [RecordedEvent(encode(EventLine(event, _LINK)), "object", 1) for event in found]

    def _between(self, partition: Partition, lowest: str, below: str) -> Iterator[AuditEvent]:
        step, first = self._steps(partition)
        newest = self._newest_before(below)
        for number in range(newest - (newest - first) % step, -1, -step):
            event = self.event(number)
            if f"{event.timestamp}#{event.id}" < lowest or not _holds(partition, event):
                return
            yield event

    def _steps(self, partition: Partition) -> tuple[int, int]:
        """How far apart the partition's events are, and which is its first."""
        if partition.by is By.PATIENT:
            return self.patients, int(partition.value[1:])
        if partition.by is By.USER:
            return self.users, int(partition.value[1:])
        return (PER_ALERT, 0) if partition.by is By.ALERT else (1, 0)

    def _newest_before(self, below: str) -> int:
        """The number of the newest event below this place."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            event = self.event(middle)
            low, high = (middle + 1, high) if f"{event.timestamp}#{event.id}" < below else (low, middle)
        return low - 1


def _holds(partition: Partition, event: AuditEvent) -> bool:
    in_period = period_of(partition.by, event.timestamp) == partition.period
    return in_period and (partition.by is not By.ALERT or event.risk in ALERTED)


def _all_pages(turn: Callable[[str | None], Page], pages: int) -> None:
    cursor = None
    for _ in range(pages):
        cursor = turn(cursor).cursor
        if cursor is None:
            return


def _looks(rows: CountedRows) -> dict[str, Callable[[], object]]:
    index: EventRows = rows
    about = [("patient", "p5"), ("action", "R")]
    return {
        "a patient's newest 50": lambda: search(index, "north", patient="p5", now=NOW),
        "a user's newest 50": lambda: search(index, "north", user="u5", now=NOW),
        "a user's reads of a patient": lambda: search(
            index, "north", patient="p5", user="u5", action="fhir.read", now=NOW
        ),
        "50 of risk CRITICAL": lambda: search(index, "north", risk="CRITICAL", now=NOW),
        "50 of one action": lambda: search(index, "north", action="fhir.read", now=NOW),
        "three pages of a day": lambda: _all_pages(
            lambda cursor: search(index, "north", since="2026-03-30T00:00:00Z", cursor=cursor, now=NOW), 3
        ),
        "what a user never did": lambda: search(index, "north", action="audit.hold", user="u5", now=NOW),
        "AuditEvents of a patient": lambda: fhir_search.search(index, "north", fhir_search.parse(about), now=NOW),
        "one event by its id": lambda: find(index, "north", rows.event(rows.count // 2).id),
    }


def figures() -> Iterator[Figure]:
    for name in _looks(CountedRows(SMALL)):
        read = {}
        for count in (SMALL, LARGE):
            rows = CountedRows(count)
            _looks(rows)[name]()
            read[count] = rows.rows
        # A page ends where a day does, so that the last one of a day may be short.
        yield Figure(f"index rows at 1M events / at 10k: {name} ({read[LARGE]} rows)", read[LARGE] / read[SMALL], 1.1)
    rows = CountedRows(LARGE)
    search(rows, "north", action="audit.hold", now=NOW)
    yield Figure("index rows at 1M events: an action that never happened", rows.rows, MAX_READS * 100)
