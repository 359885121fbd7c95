"""Whether the two logs that aren't ours were written at all: one that was stopped accuses nobody.

After every event the sealer signs with the log's key, which AWS's trail shows; and every FHIR request passes the
gateway. So after an event, each of them must soon have said something.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from phivault.audit.reconcile.claims import Finding, Kind, Mention
from phivault.audit.reconcile.match import BEFORE_SECONDS
from phivault.audit.reconcile.mentions import BY_GATEWAY
from phivault.audit.reconcile.window import Window

SILENCE_SECONDS: Final = 1800
"""The sealer signs within a minute or two of an event, and is asked again each minute where it fails."""
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Sounds:
    """Minutes in which the audit log, requests in it, the trail and the gateway said something."""

    events: set[int] = field(default_factory=set)
    requests: set[int] = field(default_factory=set)
    trail: set[int] = field(default_factory=set)
    gateway: set[int] = field(default_factory=set)

    def event(self, event: Mention) -> None:
        self.events.add(int(event.at // _MINUTE))
        if BY_GATEWAY in event.keys:
            self.requests.add(int(event.at // _MINUTE))

    def signed(self, at: float) -> None:
        self.trail.add(int(at // _MINUTE))

    def answered(self, at: float) -> None:
        self.gateway.add(int(at // _MINUTE))

    def silences(self, window: Window) -> Iterator[Finding]:
        """One for each hour in which something must have been said and wasn't. The window's first minutes may be
        answered before it, and its last half hour after it: overlapping windows look at those."""
        yield from _silences(Kind.SILENT_TRAIL, self.events, self.trail, window)
        yield from _silences(Kind.SILENT_GATEWAY, self.requests, self.gateway, window)


def _silences(kind: Kind, said: set[int], heard: set[int], window: Window) -> Iterator[Finding]:
    since = window.since.timestamp() + BEFORE_SECONDS + _MINUTE
    until = window.until.timestamp() - SILENCE_SECONDS
    answers, named = sorted(heard), set()
    for minute in sorted(said):
        at = minute * _MINUTE
        if not since <= at < until or _answered(minute, answers):
            continue
        id = f"{kind.value}:{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H}"
        if id not in named:
            named.add(id)
            yield Finding(kind, at, id, "silence")


def _answered(minute: int, answers: list[int]) -> bool:
    next = bisect_left(answers, minute - BEFORE_SECONDS // _MINUTE)
    return next < len(answers) and answers[next] <= minute + SILENCE_SECONDS // _MINUTE
