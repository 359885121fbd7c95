"""Dates as a hierarchy, so that tokens which are equal or not tell whether ranges overlap. FHIR R4, section 3.1.1.4.6.

A day lies in a month, a year, a decade and a century: its nodes, each named by the beginning of the date. A range of
days is covered by whole nodes. A resource is indexed by ``at:`` each node of its cover and ``in:`` each of these and
all that these lie in. A range that is searched for is covered alike; two ranges overlap where a node of one is, holds,
or lies in a node of the other: ``in:`` a node that is searched for, or ``at:`` one that it lies in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.records.index.parameters import Parameter

_FIRST: Final = date(1800, 1, 1)
_LAST: Final = date(2199, 12, 31)
"""The index ends there: what is earlier or later is indexed, and looked up, as its first or last day."""
MAX_NODES: Final = 12
"""Of a resource. What needs more is indexed as the months, years... that it touches; opened, it is compared exactly."""
_LEVELS: Final = (10, 7, 4, 3, 2)
"""The lengths of 2026-03-04, 2026-03, 2026, 202 and 20."""

_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
_BEGINNING: Final = 0
_END: Final = date.max.toordinal() * _DAY

_TEXT: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,32}))?)?(?:(Z)|([+-])(\d\d):(\d\d))?)?)?)?",
    re.ASCII,
)
_PREFIXED: Final = re.compile(r"([a-z]{2})?(.*)", re.DOTALL)
_PREFIXES: Final = ("eq", "gt", "lt", "ge", "le", "sa", "eb")


@dataclass(frozen=True, slots=True)
class Span:
    """From ``lower`` up to, not including, ``upper``, in microseconds since the year 1."""

    lower: int
    upper: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """When something was: by the clock on the wall, and by UTC (the wall's where no zone is given). A search without a
    zone goes by the wall: who asks for a day means the patient's, not Greenwich's."""

    wall: Span
    utc: Span


def stretch(value: Any) -> Stretch | None:
    """Of a date, dateTime, instant, Period or Timing; None of what isn't one, or says nothing about when."""
    if isinstance(value, str):
        return _moment(value)
    if not isinstance(value, dict):
        return None
    repeated = value.get("repeat")
    if "event" in value or isinstance(repeated, dict):
        bounds = repeated.get("boundsPeriod") if isinstance(repeated, dict) else None
        return _around([found for part in (*value.get("event", ()), bounds) if (found := stretch(part))])
    if "start" not in value and "end" not in value:
        return None
    return _period(value.get("start"), value.get("end"))


def terms(value: Any) -> Iterator[str]:
    """What the index knows a value by."""
    when = stretch(value)
    if when is None:
        return
    first = min(when.wall.lower, when.utc.lower)
    last = max(when.wall.upper, when.utc.upper) - 1
    for node in _few(_day(first), _day(last)):
        yield f"at:{node}"
        for outer in (node, *_outer(node)):
            yield f"in:{outer}"


@dataclass(frozen=True, slots=True)
class Range:
    """A prefix and the range of the value behind it. ``zoned``: the value names a zone."""

    prefix: str
    span: Span
    zoned: bool

    @property
    def days(self) -> tuple[date, date]:
        """The first and last day on which something that fits can be, in part at least."""
        lower, upper = self.span.lower, self.span.upper
        match self.prefix:
            case "gt" | "sa":
                return _day(upper), _LAST
            case "ge":
                return _day(lower), _LAST
            case "lt" | "eb":
                return _FIRST, _day(lower - 1)
            case "le":
                return _FIRST, _day(upper - 1)
        return _day(lower), _day(upper - 1)

    @property
    def terms(self) -> tuple[str, ...]:
        return overlapping(*self.days)

    def fits(self, value: Any) -> bool:
        """FHIR's words: the range of the search value contains the resource's, or the range above or below it
        overlaps (or, for sa and eb, contains) the resource's."""
        when = stretch(value)
        if when is None:
            return False
        asked, found = self.span, when.utc if self.zoned else when.wall
        contained = asked.lower <= found.lower and found.upper <= asked.upper
        match self.prefix:
            case "gt":
                return found.upper > asked.upper
            case "lt":
                return found.lower < asked.lower
            case "ge":
                return contained or found.upper > asked.upper
            case "le":
                return contained or found.lower < asked.lower
            case "sa":
                return found.lower >= asked.upper
            case "eb":
                return found.upper <= asked.lower
        return contained


def ask(parameter: Parameter, text: str) -> Range:
    """``2026``, ``ge2026-03``, ``lt2026-03-04T05:06:07Z``... Raises UnsupportedParameter for the prefixes ne and ap,
    InvalidInput for what is no date."""
    name, match = parameter.name, _PREFIXED.fullmatch(text)
    prefix = (match[1] if match else None) or "eq"
    if prefix in ("ne", "ap"):
        raise UnsupportedParameter(f"{name}: the prefix {prefix} is not supported")
    value = match[2] if match else ""
    found = _moment(value)
    if prefix not in _PREFIXES or found is None:
        raise InvalidInput(f"{name} is a year, a month, a day or a time, after eq, gt, lt, ge, le, sa, eb or nothing")
    zoned = "T" in value and (value[-1] == "Z" or value[-6] in "+-")
    return Range(prefix, found.utc if zoned else found.wall, zoned)


def overlapping(first: date, last: date) -> tuple[str, ...]:
    """What the index knows everything by that touches one of these days."""
    nodes = list(_cover(first, last))
    outer = dict.fromkeys(each for node in nodes for each in _outer(node))
    return (*(f"in:{node}" for node in nodes), *(f"at:{node}" for node in outer))


def _moment(text: str) -> Stretch | None:
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = match.groups()
    try:
        start = date(int(year), int(month or 1), int(day or 1)).toordinal()
    except ValueError:
        return None
    lower = (start - 1) * _DAY
    if hour is None:
        return _unzoned(lower, _upper(int(year), int(month or 0), start if day else 0))
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        return None
    lower += (int(hour) * 3600 + int(minute) * 60 + int(second or 0)) * _SECOND
    width = _SECOND if second else 60 * _SECOND
    if fraction:
        lower += int(fraction[:6].ljust(6, "0"))
        width = 10 ** max(0, 6 - len(fraction))
    ahead = (int(hours) * 3600 + int(minutes) * 60) * _SECOND * (-1 if sign == "-" else 1) if sign else 0
    return Stretch(Span(lower, lower + width), Span(lower - ahead, lower - ahead + width))


def _upper(year: int, month: int, day: int) -> int:
    """Where a day (its ordinal), a month or a year ends; 0 is not given."""
    if day:
        return day * _DAY
    after = year * 12 + (month or 12)  # months since the year 0
    return _END if after // 12 > date.max.year else (date(after // 12, after % 12 + 1, 1).toordinal() - 1) * _DAY


def _unzoned(lower: int, upper: int) -> Stretch:
    span = Span(lower, upper)
    return Stretch(span, span)


def _period(start: Any, end: Any) -> Stretch | None:
    """Without a start it began before everything, without an end it goes on after everything."""
    began = stretch(start) if start is not None else _unzoned(_BEGINNING, _BEGINNING)
    ended = stretch(end) if end is not None else _unzoned(_END, _END)
    if began is None or ended is None:
        return None
    whole = Stretch(Span(began.wall.lower, ended.wall.upper), Span(began.utc.lower, ended.utc.upper))
    return whole if whole.wall.lower < whole.wall.upper and whole.utc.lower < whole.utc.upper else None


def _around(parts: Sequence[Stretch]) -> Stretch | None:
    if not parts:
        return None
    walls, utcs = [part.wall for part in parts], [part.utc for part in parts]
    return Stretch(_hull(walls), _hull(utcs))


def _hull(spans: Sequence[Span]) -> Span:
    return Span(min(span.lower for span in spans), max(span.upper for span in spans))


def _day(at: int) -> date:
    """The day of a time, within the index."""
    return date.fromordinal(min(max(at // _DAY + 1, _FIRST.toordinal()), _LAST.toordinal()))


def _few(first: date, last: date) -> list[str]:
    """A cover of at most ``MAX_NODES``: of the days, or where these are too many of the months, years..."""
    nodes = [first.isoformat()]  # most are of one day
    for level in _LEVELS if first != last else ():
        nodes = list(_cover(_first_of(first, level), _last_of(last, level)))
        if len(nodes) <= MAX_NODES:
            break
    return nodes


def _cover(first: date, last: date) -> Iterator[str]:
    """The days, each in the largest node that lies whole among them."""
    while first <= last:
        level = next(each for each in reversed(_LEVELS) if _is_whole(each, first, last))
        yield first.isoformat()[:level]
        first = _last_of(first, level) + timedelta(days=1)


def _is_whole(level: int, first: date, last: date) -> bool:
    return _first_of(first, level) == first and _last_of(first, level) <= last


def _outer(node: str) -> Iterator[str]:
    return (node[:level] for level in _LEVELS if level < len(node))


def _first_of(day: date, level: int) -> date:
    return date.fromisoformat(day.isoformat()[:level] + "0000-01-01"[level:])


def _last_of(day: date, level: int) -> date:
    text = day.isoformat()
    if level == 10:
        return day
    if level == 7:
        return date(day.year + day.month // 12, day.month % 12 + 1, 1) - timedelta(days=1)
    return date.fromisoformat(text[:level] + "9999-12-31"[level:])
