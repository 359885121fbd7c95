"""Search of the audit log through its index, newest first."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import Action, RiskLevel
from phivault.audit.store import RecordedEvent
from phivault.errors import IntegrityError, InvalidInput

MAX_LIMIT: Final = 200
MAX_READS: Final = 40
ALERTED: Final = frozenset({RiskLevel.HIGH, RiskLevel.CRITICAL})
_BATCH: Final = 100
_SKEW: Final = timedelta(minutes=5)  # a writer's clock may be ahead
_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2999, 1, 1, tzinfo=UTC)
_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_PLACE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#[0-9a-f-]{0,36}")


class By(StrEnum):
    """What a partition of the index gathers: one tenant's events of a day, of one patient (of all time), of one
    user in a month, or of risk HIGH and CRITICAL in a month."""

    DAY = "day"
    PATIENT = "patient"
    USER = "user"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Partition:
    """``value`` is the patient's or the user's id; ``period`` is ``yyyymmdd`` or ``yyyymm``; else empty."""

    by: By
    tenant: str
    value: str = ""
    period: str = ""


class EventRows(Protocol):
    """The index, read. Obligations: rows of one partition whose place (``timestamp#id``) is at least ``lowest``
    and below ``below``, newest first, at most ``limit``, fewer only where there are no more. A row appears
    soon after it was added. Raises Unavailable."""

    def newest(self, partition: Partition, *, lowest: str, below: str, limit: int) -> Sequence[RecordedEvent]: ...


@dataclass(frozen=True, slots=True)
class Found:
    """An event that matched, and the object of the log that holds its line."""

    entry: EventLine
    object_key: str
    position: int

    @property
    def place(self) -> str:
        """Where the index has it within a partition."""
        return f"{self.entry.event.timestamp}#{self.entry.event.id}"


@dataclass(frozen=True, slots=True)
class Page:
    """``cursor`` continues the search; None where nothing is left. A page with a cursor may be short or empty:
    one search reads a bounded number of partitions."""

    found: tuple[Found, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class _Filter:
    tenant: str
    patient: str | None
    user: str | None
    action: Action | None
    risk: RiskLevel | None
    also: Callable[[EventLine], bool] | None

    @property
    def within(self) -> bool:
        """Whether some rows of the partitions read may not match: a partition is by one of patient, user and alert
        (which gathers two risks)."""
        return any((self.action, self.risk, self.also, self.patient and self.user))

    def admits(self, entry: EventLine) -> bool:
        event = entry.event
        return (
            event.tenant == self.tenant
            and self.patient in (None, event.patient)
            and self.user in (None, event.user_id)
            and self.action in (None, event.action)
            and self.risk in (None, event.risk)
            and (self.also is None or self.also(entry))
        )


def search(
    index: EventRows,
    tenant: str,
    *,
    patient: str | None = None,
    user: str | None = None,
    action: str | None = None,
    risk: str | None = None,
    since: str | None = None,
    until: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
    also: Callable[[EventLine], bool] | None = None,
    now: datetime | None = None,
) -> Page:
    """Events of ``tenant`` that match every filter given, newest first, at most ``limit`` (1 to 200).

    ``since`` (inclusive) and ``until`` (exclusive) are RFC 3339 with an offset. Without ``since`` a search by
    patient covers everything, one by user or risk a year before ``until`` (before now, where that is to come), any
    other 31 days. ``also`` is a condition of the caller's own. Raises InvalidInput naming the parameter, Unavailable.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit is not within 1 and {MAX_LIMIT}")
    wanted = _Filter(
        tenant,
        _token("patient", patient),
        _token("user", user),
        _member(Action, "action", action),
        _member(RiskLevel, "risk", risk),
        also,
    )
    present = (now or datetime.now(UTC)) + _SKEW
    end = _time("until", until) if until is not None else present
    # From a day in the future the span might not reach back to anything that has happened.
    start = _time("since", since) if since is not None else max(min(end, present) - _span(wanted), _EARLIEST)
    below = place(end) if cursor is None else min(place(end), _uncursor(cursor))
    if below <= place(start):
        return Page((), None)
    return _walk(index, wanted, lowest=place(start), below=below, limit=limit)


def _walk(index: EventRows, wanted: _Filter, *, lowest: str, below: str, limit: int) -> Page:
    # ``below`` falls with every row and every partition done, so that a cursor always makes headway.
    matches: list[Found] = []
    reads, batch = 0, _BATCH if wanted.within else min(limit, _BATCH)
    for partition, beginning in _partitions(wanted, lowest, below):
        more = True
        while more:
            if reads == MAX_READS:
                return Page(tuple(matches), _cursor(below))
            rows = index.newest(partition, lowest=lowest, below=below, limit=batch)
            reads += 1
            for row in rows:
                match = found(row)
                below = match.place
                matches += [match] if wanted.admits(match.entry) else []
                if len(matches) == limit:
                    return Page(tuple(matches), _cursor(below))
            more = len(rows) == batch
        below = min(below, beginning)
    return Page(tuple(matches), None)


def found(row: RecordedEvent) -> Found:
    """What a row of the index says. Raises IntegrityError for a line that is no event's."""
    entry = parse(row.line)
    if not isinstance(entry, EventLine):
        raise IntegrityError("The audit index holds a line that is no event")
    return Found(entry, row.object_key, row.position)


def _partitions(wanted: _Filter, lowest: str, below: str) -> Iterator[tuple[Partition, str]]:
    """The fewest partitions that hold every match, newest first, each with the place where it begins."""
    if wanted.patient is not None:
        yield Partition(By.PATIENT, wanted.tenant, wanted.patient), lowest
        return
    day, first = date.fromisoformat(below[:10]), date.fromisoformat(lowest[:10])
    by = By.USER if wanted.user is not None else By.ALERT if wanted.risk in ALERTED else By.DAY
    while day >= (first if by is By.DAY else first.replace(day=1)):
        day = day if by is By.DAY else day.replace(day=1)
        period = f"{day:%Y%m%d}" if by is By.DAY else f"{day:%Y%m}"
        yield Partition(by, wanted.tenant, wanted.user or "", period), f"{day:%Y-%m-%d}T00:00:00.000Z#"
        day -= timedelta(days=1)


def period_of(by: By, timestamp: str) -> str:
    """The ``period`` of the partition of this kind that holds an event of this timestamp."""
    day = timestamp[:10].replace("-", "")
    return {By.DAY: day, By.PATIENT: ""}.get(by, day[:6])


def _span(wanted: _Filter) -> timedelta:
    if wanted.patient is not None:
        return timedelta(days=36_500)
    return timedelta(days=366 if wanted.user is not None or wanted.risk in ALERTED else 31)


def _time(name: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return min(max(at.astimezone(UTC), _EARLIEST), _LATEST)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(f"{name} is not an RFC 3339 time with an offset")


def place(at: datetime) -> str:
    """Before every event of this millisecond, in a partition."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z#"


def _token(name: str, text: str | None) -> str | None:
    if text is not None and not _TOKEN.fullmatch(text):
        raise InvalidInput(f"{name} is not an id")
    return text


def _member[E: StrEnum](kind: type[E], name: str, text: str | None) -> E | None:
    try:
        return None if text is None else kind(text)
    except ValueError:
        raise InvalidInput(f"{name} is not one of {', '.join(kind)}") from None


def _cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _uncursor(cursor: str) -> str:
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        if _PLACE.fullmatch(place):
            date.fromisoformat(place[:10])
            return place
    except ValueError:
        pass
    raise InvalidInput("cursor is not one that a search answered")
