"""Between which leaves a line must stand, as the witnessed checkpoints tell, and the search of all that lies between.

After an outage the sealer takes what has piled up hour by hour and, within an hour, writer by writer, at most 65,536
lines a pass. So a line's neighbours are of any time of its hour, and only two things hold however it was sealed: a tree
that was witnessed before the line was written hasn't got it, and one writer's lines ascend.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from phivault.audit.canonical import EventLine
from phivault.audit.log import checkpoint as checkpoints
from phivault.audit.log.locate import Bundles, beside
from phivault.audit.log.note import parse, witnessed_at
from phivault.audit.log.store import LogReader
from phivault.audit.log.tiles import WIDTH
from phivault.errors import IntegrityError, Unavailable

MAX_BUNDLES: Final = 400
"""Entry bundles read of a bracket: 100,000 lines."""
UNSEALED_RETRY_SECONDS: Final = 60
_BEYOND_BOUND_RETRY_SECONDS: Final = 3600  # the next hourly checkpoint may narrow the bracket
_CLOCK_AHEAD: Final = timedelta(minutes=5)
_LATER_HOUR: Final = timedelta(minutes=90)
"""A line this much later than another was stored in a later hour, though the other's request took 15 minutes."""
_GAP_WAIT: Final = timedelta(minutes=15)
"""A little more than the sealer waits for a writer's missing line before it seals what is behind the gap."""
_LOOK_BACK: Final = (timedelta(hours=3), timedelta(days=2), timedelta(days=31))


@dataclass(frozen=True, slots=True)
class Bracket:
    """Leaves [``low``, ``high``). ``closed`` is whether whatever was stored by then was sealed before ``high``."""

    low: int
    high: int
    closed: bool


def bracket(log: LogReader, note: bytes, bundles: Bundles, at: datetime) -> Bracket:
    """Where a line of the time ``at`` stands in the tree of the checkpoint ``note``, whose ``bundles`` these are.

    Raises IntegrityError for a checkpoint or bundle that is none, Unavailable.
    """
    return Bracket(_low(log, bundles, at), *_high(log, note, bundles, at))


def search(bundles: Bundles, within: Bracket, entry: EventLine, line: bytes) -> int:
    """The leaf of ``line``, whose content is ``entry``. Reads the middle of the widest unread stretch, so that lines of
    the same writer, once met, leave out most of what isn't read yet.

    Raises IntegrityError where all of the bracket that could hold the line was read, and nothing can be sealed there
    any more; Unavailable where it may yet be sealed, or where there is more to read than ``MAX_BUNDLES``.
    """
    unread, closed = [range(within.low // WIDTH, -(-within.high // WIDTH))], within.closed
    for _ in range(MAX_BUNDLES):
        unread = [stretch for stretch in unread if stretch]
        if not unread:
            raise _absent(closed=closed)
        widest = max(unread, key=len)
        index = widest[len(widest) // 2]
        lines = bundles[index]
        if line in lines:
            return index * WIDTH + lines.index(line)
        before, behind = beside(lines, entry)
        closed = closed or not behind  # a writer's line never becomes a leaf once a later one of it is one
        halves = [half for each in unread for half in _without(each, index)]
        unread = [half for half in halves if half and (before if half[0] < index else behind)]
    if not any(unread):
        raise _absent(closed=closed)
    raise Unavailable(
        f"The event may stand in more of the log than the {MAX_BUNDLES} bundles that are read for one proof: take it"
        " from an export",
        retry_after=_BEYOND_BOUND_RETRY_SECONDS,
    )


def unsealed() -> Unavailable:
    return Unavailable("The event is not sealed yet", retry_after=UNSEALED_RETRY_SECONDS)


def _absent(*, closed: bool) -> IntegrityError | Unavailable:
    return IntegrityError("An event of the index is not in the log") if closed else unsealed()


def _without(stretch: range, index: int) -> tuple[range, ...]:
    if index not in stretch:
        return (stretch,)
    return range(stretch.start, index), range(index + 1, stretch.stop)


def _low(log: LogReader, bundles: Bundles, at: datetime) -> int:
    """The size of the last tree witnessed before the line was written, its writer's clock being ahead or not."""
    for back in _LOOK_BACK:
        earlier = itertools.takewhile(lambda tree: tree[0] < at - _CLOCK_AHEAD, _trees(log, at - back))
        sizes = [size for _, size in earlier]
        if sizes:
            return min(max(sizes), bundles.size)
    return 0


def _high(log: LogReader, note: bytes, bundles: Bundles, at: datetime) -> tuple[int, bool]:
    """The size of the first tree that has all that was stored by ``at``: hours are sealed in order, so one whose last
    line is of a later hour, and then the time that the sealer waits at a gap. Without it, that of ``note``."""
    passed: datetime | None = None
    for when, size in itertools.chain(_trees(log, at), _tree(note)):
        if not 0 < size <= bundles.size:
            continue
        if passed is None and bundles.time_of(size - 1) > at + _LATER_HOUR:
            passed = when
        if passed is not None and when >= passed + _GAP_WAIT:
            return size, True
    return bundles.size, False


def _trees(log: LogReader, since: datetime) -> Iterator[tuple[datetime, int]]:
    """When each of the hourly checkpoints was witnessed, and its size."""
    for _, note in log.checkpoints(f"{since:%Y-%m-%dT%H}"):
        yield from _tree(note)


def _tree(note: bytes) -> Iterator[tuple[datetime, int]]:
    read = parse(note)
    when = witnessed_at(read)
    if when is None:
        return
    try:
        at = datetime.fromtimestamp(when, UTC)
    except (ValueError, OverflowError, OSError):
        raise IntegrityError("a checkpoint's cosignature is of no time") from None
    yield at, checkpoints.parse(read.text).size
