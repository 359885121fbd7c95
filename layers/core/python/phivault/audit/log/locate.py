"""Where a line stands in the log, found in the log itself: no table of leaves to keep, and none to believe.

Lines are sealed about in the order of their times: later than others by what a sealing takes and by writers' clocks.
After an outage of the sealer they aren't: then ``bracket`` tells where to look. One writer's lines are always in the
order of their sequences.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from phivault.audit.canonical import EventLine, Genesis, parse
from phivault.audit.log.tiles import WIDTH, Bundle, decode_entries
from phivault.errors import IntegrityError

TOLERANCE: Final = timedelta(minutes=15)
MAX_NEAR: Final = 100
"""Entry bundles read beyond the binary search: 25,000 lines around the time of the one looked for."""


class Bundles:
    """The entry bundles of the log of ``size``, each read once. ``read`` takes a path. What they hold isn't checked
    against the tree: prove what is found."""

    def __init__(self, read: Callable[[str], bytes], size: int) -> None:
        self._read, self.size = read, size
        self._held: dict[int, list[bytes]] = {}

    @property
    def count(self) -> int:
        return -(-self.size // WIDTH)

    def __getitem__(self, index: int) -> list[bytes]:
        if index not in self._held:
            width = min(WIDTH, self.size - index * WIDTH)
            lines = decode_entries(self._read(Bundle(index, width).path))
            if len(lines) != width:
                raise IntegrityError("an entry bundle hasn't as many lines as its path says")
            self._held[index] = lines
        return self._held[index]

    def time_of(self, leaf: int) -> datetime:
        return _time(self[leaf // WIDTH][leaf % WIDTH])


def locate(bundles: Bundles, entry: EventLine, line: bytes) -> int | None:
    """The leaf of ``line``, whose content is ``entry``; None where it wasn't met within ``TOLERANCE`` of its place,
    which doesn't say that the log hasn't got it.

    Raises IntegrityError for a bundle that is none, and what reading raises.
    """
    at = datetime.fromisoformat(entry.event.timestamp)
    start = bisect_right(range(bundles.count), at, key=lambda index: _time(bundles[index][0])) - 1
    floor, ceiling, reads = 0, bundles.count, 0
    span = range(max(0, start - MAX_NEAR), min(bundles.count, start + MAX_NEAR + 2))
    for index in sorted(span, key=lambda index: abs(index - start)):
        if not floor <= index < ceiling:
            continue
        if reads == MAX_NEAR:
            return None
        lines, reads = bundles[index], reads + 1
        if line in lines:
            return index * WIDTH + lines.index(line)
        floor = index + 1 if _before(lines, entry, at) else floor
        ceiling = index if _after(lines, entry, at) else ceiling
    return None


def beside(lines: list[bytes], entry: EventLine) -> tuple[bool, bool]:
    """Whether the line, which isn't among ``lines``, may stand before them, and whether it may stand behind them, by
    its writer's sequences. Neither where another line has its place."""
    orders = [order for line in lines if (order := _order(line, entry)) is not None]
    return all(order > 0 for order in orders), all(order < 0 for order in orders)


def _before(lines: list[bytes], entry: EventLine, at: datetime) -> bool:
    """Whether the line, which isn't among ``lines``, hardly stands before them."""
    return not beside(lines, entry)[0] or _time(lines[0]) < at - TOLERANCE


def _after(lines: list[bytes], entry: EventLine, at: datetime) -> bool:
    """Whether the line, which isn't among ``lines``, hardly stands behind them."""
    return not beside(lines, entry)[1] or _time(lines[0]) > at + TOLERANCE


def _order(line: bytes, entry: EventLine) -> int | None:
    """Negative where a line of the same writer comes before the one looked for; None for other writers' lines."""
    if entry.link.writer.encode() not in line:
        return None
    content = parse(line)
    if isinstance(content, Genesis):
        return -entry.link.sequence if content.writer == entry.link.writer else None
    return content.link.sequence - entry.link.sequence if content.link.writer == entry.link.writer else None


def _time(line: bytes) -> datetime:
    content = parse(line)
    return datetime.fromisoformat(content.timestamp if isinstance(content, Genesis) else content.event.timestamp)
