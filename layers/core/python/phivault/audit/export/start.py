"""Where an export begins: with the whole log, or after what an auditor has already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from phivault.audit.export import layout
from phivault.audit.log.tiles import WIDTH

_FORM: Final = "%Y-%m-%dT%H"
_BEFORE: Final = 3


@dataclass(frozen=True, slots=True)
class Start:
    """``first`` is the first leaf exported, ``scanned`` the first read, both at the start of a segment or bundle.

    Objects are listed from the hour ``listed`` on; one that no line claims is surely not in the log if it is of the
    hour ``sure`` or later. Hours are ``yyyy/mm/dd/HH``, "" is before all.
    """

    first: int
    scanned: int = 0
    listed: str = ""
    sure: str = ""


def start_of(since: int, size: int, checkpoints: Iterable[tuple[str, int]]) -> Start:
    """``since`` is the leaf from which on lines are wanted; ``checkpoints`` are the verified hourly ones, oldest
    first: hour (``yyyy-mm-ddTHH``) and size.

    Objects before ``first`` aren't in the lines exported, and yet not unsealed. What was sealed by the checkpoint of an
    hour was stored by then, so its lines lie before that size and later objects' behind it. Reading from the third last
    checkpoint on, two hours before whatever the auditor holds, leaves room for clocks and misses no object between two
    exports.
    """
    first = min(since, size - 1) // layout.SEGMENT * layout.SEGMENT
    known = [(hour, at) for hour, at in checkpoints if at <= first][-_BEFORE:]
    if len(known) < _BEFORE:
        return Start(first)
    hour, at = known[0]
    return Start(first, at // WIDTH * WIDTH, _moved(hour, -1), _moved(hour, 2))


def _moved(hour: str, by: int) -> str:
    moved = datetime.strptime(hour, _FORM).replace(tzinfo=UTC) + timedelta(hours=by)
    return moved.strftime("%Y/%m/%d/%H")
