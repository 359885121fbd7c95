"""The time that a run by the clock compares: the last that has settled, and what earlier runs left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from phivault.audit.reconcile.claims import Mention, Request, Unwrap
from phivault.audit.reconcile.mentions import RECONCILIATION, of_finding
from phivault.errors import InvalidInput

SETTLED: Final = timedelta(minutes=15)
"""CloudTrail delivers within about five minutes, CloudWatch within seconds, the sealer within a minute."""
WINDOW: Final = timedelta(minutes=105)
OVERLAP: Final = timedelta(minutes=45)
"""Looked at again by the next run, so that what is delivered late is still compared."""
REACH: Final = timedelta(hours=26)
"""How far back a run goes for what earlier ones left out."""
_UNTIL: Final = "until:"
_SUMMARY: Final = of_finding(RECONCILIATION, _UNTIL)


@dataclass(frozen=True, slots=True)
class Window:
    """Claims from ``since`` to before ``until``. ``by_clock``: nobody named it. ``missed``: before it lies time that
    no run has compared."""

    since: datetime
    until: datetime
    by_clock: bool = False
    missed: bool = False

    @classmethod
    def asked(cls, event: Mapping[str, object], now: datetime) -> Window:
        """The one that an invocation names, ``{"since", "until"}`` in RFC 3339, or else the last that has settled.
        Raises InvalidInput."""
        until = _time(event["until"]) if "until" in event else now - SETTLED
        since = _time(event["since"]) if "since" in event else until - WINDOW
        if since >= until:
            raise InvalidInput("A window begins before it ends")
        return cls(since, until, by_clock=not {"since", "until"} & event.keys())

    def has(self, claim: Unwrap | Request) -> bool:
        return self.since.timestamp() <= claim.at < self.until.timestamp()

    @property
    def mark(self) -> str:
        """``resource_id`` of the summary that says: all is compared up to here. Of a run by the clock alone; another
        leaves out what lies before it."""
        return f"{_UNTIL}{_stamp(self.until)}" if self.by_clock else ""

    def caught_up(self, mentions: Callable[[float], Iterable[Mention]]) -> Window:
        """By the clock: from where the last complete run ended. Without one, from the log's beginning; both
        at most REACH back."""
        if not self.by_clock:
            return self
        reached, _ = self._looked(mentions(self.since.timestamp()))
        oldest, first = self.until - REACH, None
        if reached is None:
            reached, first = self._looked(mentions(oldest.timestamp()))
        start = reached - OVERLAP if reached is not None else first
        if start is None:
            return self
        missed = (reached or start) < oldest
        return replace(self, since=min(self.since, max(start, oldest)), missed=missed)

    def _looked(self, events: Iterable[Mention]) -> tuple[datetime | None, datetime | None]:
        """The last mark that isn't later than this window, and when the first event was."""
        last, first = "", float("inf")
        for event in events:
            first = min(first, event.at)
            for key in event.keys:
                if key.startswith(_SUMMARY) and last < key <= of_finding(RECONCILIATION, self.mark):
                    last = key
        began = datetime.fromtimestamp(first, UTC) if first != float("inf") else None
        return (_time(last.removeprefix(_SUMMARY)) if last else None), began


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(value: object) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidInput("A window is named by RFC 3339 times with an offset")
    return at.astimezone(UTC)
