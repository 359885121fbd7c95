"""The query of a search: what a URL or a form asks for. FHIR R4, section 3.1.1.

Whoever can read a URL (proxies, histories, logs) learns what stands in it, so parameters that tell about a person come
in the body of a POST alone. A name that repeats means "and", a comma "or".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.records.index import dates
from phivault.records.index.criterion import Criterion, criterion
from phivault.records.index.parameters import OPAQUE, Parameter, names, parameters
from phivault.records.search_include import Include, include_of
from phivault.records.shape import JSON_FORMATS, WHOLE, Shape, shape_of

DEFAULT_COUNT: Final = 50
MAX_COUNT: Final = 100
MAX_IDS: Final = 100
MAX_CRITERIA: Final = 20
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_PIECE: Final = re.compile(r"\\?.|\\", re.DOTALL)

# Search parameters of FHIR R4 whose values tell about a person, and others that clients commonly send: their names may
# be repeated where they are refused.
_PHI: Final = """
address address-city address-country address-postalcode address-state address-use birthdate code code-value-concept
code-value-date code-value-quantity code-value-string combo-code combo-value-concept combo-value-quantity date
death-date deceased email family gender given identifier name onset-date phone phonetic recorded-date relationship
telecom value-concept value-date value-quantity value-string _content _text
"""
_OTHERS: Final = """
_contained _elements _format _has _include _lastUpdated _list _profile _revinclude _security _sort _source _summary _tag
_total _type active authored author based-on category class clinical-status encounter general-practitioner intent
language link location managing-organization organization participant partof performer period practitioner
recorder requester service-provider specialty status subject type verification-status
"""
PHI_PARAMETERS: Final = frozenset(_PHI.split())
KNOWN_PARAMETERS: Final = PHI_PARAMETERS | frozenset(_OTHERS.split())
ORDERS: Final = ("_lastUpdated", "-_lastUpdated", "_id", "-_id")
_ONCE: Final = frozenset(
    {"_id", "patient", "subject", "_count", "_sort", "_summary", "_elements", "_total", "_format", "_cursor"}
)
_BEFORE_ALL: Final = datetime(1, 1, 1, tzinfo=UTC)
_WRITTEN: Final = Parameter(
    "Resource", "_lastUpdated", "date", ("meta.lastUpdated",), ("meta",), is_phi=False, system=""
)


@dataclass(frozen=True, slots=True)
class Query:
    """``patients`` are bare ids. ``since`` and ``until`` bound when a version was written: from, and before. ``sort``
    is one of ORDERS or a date parameter of the type's, with a minus in front for the latest first; "" where the server
    chooses. ``cursor`` is as the last page's next link gave it. ``given`` is what asks the same again; it holds what
    tells about a person, and so prints without it."""

    ids: tuple[str, ...] | None = None
    patients: tuple[str, ...] | None = None
    count: int = DEFAULT_COUNT
    cursor: str | None = None
    criteria: tuple[Criterion, ...] = field(default=(), repr=False)
    since: datetime | None = None
    until: datetime | None = None
    sort: str = ""
    includes: tuple[Include, ...] = ()
    shape: Shape = WHOLE
    given: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def is_timed(self) -> bool:
        """Whether it asks for when versions were written, or is ordered by it."""
        return self.since is not None or self.until is not None or self.sort.endswith("_lastUpdated")


def parse(type: str, given: Sequence[tuple[str, str]], *, posted: bool = False) -> Query:
    """Read the parameters of a GET, or of a form that was posted. Raises UnsupportedParameter or InvalidInput, naming
    no value."""
    values: dict[str, list[str]] = {}
    for name, value in given:
        if not posted:
            _refuse_phi(type, name)
        if name in _ONCE and name in values:
            raise InvalidInput(f"{name} may be given once")
        values.setdefault(name, []).append(value)
    if "_cursor" in values:
        if values.keys() - {"_cursor", "_count"}:
            raise InvalidInput("_cursor stands alone, or with a smaller _count: it holds what was searched for")
        cursor = values["_cursor"][0]
        if "_count" not in values:
            return Query(cursor=cursor)
        return Query(cursor=cursor, count=_count(values["_count"][0]), given=(("_count", values["_count"][0]),))
    return _query(type, values)


def _query(type: str, values: dict[str, list[str]]) -> Query:
    given = tuple((name, value) for name, each in values.items() for value in each if name != "_format")
    once = {name: each[0] for name, each in values.items() if name in _ONCE}
    _refuse(once)
    since, until = _written(values.pop("_lastUpdated", []))
    includes = tuple(include_of(type, text) for text in values.pop("_include", []))
    criteria = tuple(_criterion(type, name, text) for name in values if name not in _ONCE for text in values[name])
    if len(criteria) > MAX_CRITERIA:
        raise InvalidInput(f"A search has at most {MAX_CRITERIA} parameters")
    patients = [_patients(type, name, once[name]) for name in ("patient", "subject") if name in once]
    return Query(
        ids=_ids(once["_id"]) if "_id" in once else None,
        patients=_both(patients) if patients else None,
        count=_count(once.get("_count", str(DEFAULT_COUNT))),
        criteria=criteria,
        since=since,
        until=until,
        sort=_sort(type, once["_sort"]) if "_sort" in once else "",
        includes=includes,
        shape=_shape(type, once),
        given=given,
    )


def _refuse_phi(type: str, name: str) -> None:
    plain = _plain(name)
    known = parameters(type).get(plain)
    if known.is_phi if known is not None else plain in PHI_PARAMETERS:
        raise UnsupportedParameter(
            f"{plain} may tell about a person: it travels only in the body of a POST to {type}/_search,"
            " as application/x-www-form-urlencoded"
        )


def _refuse(once: dict[str, str]) -> None:
    if once.get("_format", "json") not in JSON_FORMATS:
        raise UnsupportedParameter("_format is not supported but for JSON")
    if once.get("_total", "none") != "none":
        raise UnsupportedParameter("_total is not supported: how many matches there are is not told")


def _criterion(type: str, name: str, text: str) -> Criterion:
    plain = _plain(name)
    if name not in parameters(type) or name in OPAQUE:
        if plain in parameters(type):
            raise UnsupportedParameter(f"{plain}: modifiers and chains are not supported")
        if plain in KNOWN_PARAMETERS or plain in names():
            raise UnsupportedParameter(f"{plain} is not supported for {type}")
        raise UnsupportedParameter(f"A parameter is not supported for {type}")
    return criterion(type, name, split(text))


def split(text: str) -> list[str]:
    """What stands between commas that no backslash precedes, escapes kept. FHIR R4, section 3.1.1.4.3."""
    parts: list[list[str]] = [[]]
    for piece in _PIECE.findall(text):
        if piece == ",":
            parts.append([])
        else:
            parts[-1].append(piece)
    return ["".join(part) for part in parts]


def _plain(name: str) -> str:
    return name.partition(":")[0].partition(".")[0]


def _ids(text: str) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(text.split(",")))
    if len(ids) > MAX_IDS or not all(map(_ID.fullmatch, ids)):
        raise InvalidInput(f"_id holds 1 to {MAX_IDS} ids, separated by commas")
    return ids


def _patients(type: str, name: str, text: str) -> frozenset[str]:
    if type != "Patient" and name not in parameters(type):
        raise UnsupportedParameter(f"{name} is not supported for {type}")
    patients = frozenset(each.removeprefix("Patient/") for each in text.split(","))
    if len(patients) > MAX_IDS or not all(map(_ID.fullmatch, patients)):
        raise InvalidInput(f"{name} holds 1 to {MAX_IDS} times an id or Patient/ and an id, separated by commas")
    return patients


def _both(patients: Sequence[frozenset[str]]) -> tuple[str, ...]:
    return tuple(sorted(frozenset.intersection(*patients)))


def _count(text: str) -> int:
    """A page never holds more than was asked for, and may hold less (FHIR R4, section 3.1.1.5.4): clients ask for a
    thousand and follow the links."""
    if not re.fullmatch("[0-9]{1,6}", text) or int(text) < 1:
        raise InvalidInput(f"_count is a number from 1; a page holds at most {MAX_COUNT}")
    return min(int(text), MAX_COUNT)


def _sort(type: str, text: str) -> str:
    own = [name for name, each in parameters(type).items() if each.kind == "date"]
    if text not in ORDERS and text.removeprefix("-") not in own:
        raise UnsupportedParameter(f"_sort is supported by one of _id, _lastUpdated{''.join(f', {o}' for o in own)}")
    return text


def _shape(type: str, once: dict[str, str]) -> Shape:
    shape = shape_of(once, [type])
    if shape.counts_only:
        raise UnsupportedParameter("_summary=count is not supported: how many matches there are is not told")
    return shape


def _written(texts: Sequence[str]) -> tuple[datetime | None, datetime | None]:
    """From when, and before when, versions were written that fit all of these; without a zone by UTC."""
    if len(texts) > 2:
        raise InvalidInput("_lastUpdated is given once, or twice for a period")
    since: list[datetime] = []
    until: list[datetime] = []
    for text in texts:
        asked = dates.ask(_WRITTEN, text)
        lower, upper = _time(asked.span.lower), _time(asked.span.upper)
        match asked.prefix:
            case "gt" | "sa":
                since.append(upper)
            case "ge":
                since.append(lower)
            case "lt" | "eb":
                until.append(lower)
            case "le":
                until.append(upper)
            case _:
                since.append(lower)
                until.append(upper)
    return max(since, default=None), min(until, default=None)


def _time(microseconds: int) -> datetime:
    try:
        return _BEFORE_ALL + timedelta(microseconds=microseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
