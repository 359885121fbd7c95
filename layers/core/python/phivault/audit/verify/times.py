"""V8: every line's time lies between the witness's of the checkpoints around its leaf; what it says it saw of the log
was so; the witness was never long without a checkpoint."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple

from phivault.audit.log.merkle import Nodes, root_at
from phivault.audit.verify.finding import Findings, Step
from phivault.audit.verify.lines import Lines

AHEAD_SECONDS: Final = 5 * 60
BEHIND_SECONDS: Final = 10 * 60
HEARTBEAT_SECONDS: Final = 3 * 3600
_ALWAYS: Final = "~"  # sorts after every time
_END_OF_TIME: Final = 253_402_300_799
_LATER: Final = "An event is later than the witness saw it"
_OLDER: Final = "An event is older than a checkpoint that the witness saw without it"
_UNLED: Final = "A line is over 3 hours older than the first checkpoint: it is back-dated, or checkpoints are missing"


class Witnessed(NamedTuple):
    """A witnessed checkpoint: the tree's size, and the witness's time (Unix seconds)."""

    size: int
    at: int


class Bracket(NamedTuple):
    """Leaves up to ``end`` (exclusive) from where the bracket before ends, and the times within which they lie.
    ``led`` says that a checkpoint without them was witnessed before."""

    end: int
    earliest: str
    latest: str
    led: bool


def brackets(witnessed: Sequence[Witnessed], first: int, end: int) -> list[Bracket]:
    """For leaves [first, end). ``witnessed`` is sorted.

    A log is witnessed from its first minute on. Lines far older than the first checkpoint mean that earlier ones were
    left out, so they have a bound too: as much time as may pass between two.
    """
    found: list[Bracket] = []
    sizes = [each.size for each in witnessed]
    while first < end:
        at = bisect_right(sizes, first)  # the first checkpoint that has the leaf
        earliest = _earliest(witnessed, at) if witnessed else ""
        latest = rfc3339(witnessed[at].at + AHEAD_SECONDS) if at < len(sizes) else _ALWAYS
        first = min(end, sizes[at]) if at < len(sizes) else end
        found.append(Bracket(first, earliest, latest, at > 0))
    return found


def _earliest(witnessed: Sequence[Witnessed], at: int) -> str:
    return rfc3339(witnessed[at - 1].at - BEHIND_SECONDS if at else witnessed[0].at - HEARTBEAT_SECONDS)


def check_segment(found: Findings, taken: Lines, around: Sequence[Bracket]) -> None:
    start = 0
    for bracket in around:
        end = bracket.end - taken.first
        times = taken.timestamps[start:end]
        known = list(filter(None, times)) if not all(times) else times
        if known and not (bracket.earliest <= min(known) and max(known) <= bracket.latest):
            _name(found, taken, start, times, bracket)
        start = end


def _name(found: Findings, taken: Lines, start: int, times: Sequence[str], bracket: Bracket) -> None:
    for at, time in enumerate(times, start):
        if not time or bracket.earliest <= time <= bracket.latest:
            continue
        text = _LATER
        if time < bracket.earliest:
            text = _OLDER if bracket.led else _UNLED
        found.add(Step.TIME, text, leaf=taken.first + at, event=taken.event(at))


def check_seen(found: Findings, taken: Lines, nodes: Nodes) -> None:
    """Every ``checkpoint`` of an event is an earlier root of this log."""
    places = range(len(taken.checkpoints) - 1, -1, -1)
    first = dict(zip(reversed(taken.checkpoints), places, strict=True))  # the lowest leaf that saw each
    first.pop("", None)
    for seen, at in sorted(first.items(), key=itemgetter(1)):
        size, _, root = seen.partition("/")
        text = ""
        if int(size) > taken.first + at:
            text = "An event saw a checkpoint that has the event itself"
        else:
            with found.catch(Step.TIME):
                if root_at(nodes, int(size)).hex() != root:
                    text = "An event saw a checkpoint that this log never had"
        if text:
            found.add(Step.TIME, text, leaf=taken.first + at, event=taken.event(at))


def check_heartbeat(found: Findings, witnessed: Sequence[Witnessed], created: str) -> None:
    """``witnessed`` is sorted; ``created`` is when the export was made."""
    for before, after in pairwise(witnessed):
        if after.at < before.at and after.size > before.size:
            found.add(Step.TIME, f"The witness's time went back at size {after.size}")
        elif after.at - before.at > HEARTBEAT_SECONDS:
            found.add(Step.TIME, f"The witness saw no checkpoint for over 3 hours from {rfc3339(before.at)} on")
    if witnessed:
        newest = witnessed[-1].at
        if created > rfc3339(newest + HEARTBEAT_SECONDS):
            found.add(Step.TIME, f"The newest checkpoint is over 3 hours older than the export: {rfc3339(newest)}")
        if created < rfc3339(newest - BEHIND_SECONDS):
            found.add(Step.TIME, f"The newest checkpoint is newer than the export: {rfc3339(newest)}")


def rfc3339(seconds: int) -> str:
    at = datetime.fromtimestamp(min(max(seconds, 0), _END_OF_TIME), UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"
