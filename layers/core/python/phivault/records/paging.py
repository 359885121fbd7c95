"""What lists of one resource's versions and of one patient's records are asked by, and where they go on.

The cursor of a next link holds the whole question, sealed for the caller (records/cursor.py), and stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.records.cursor import open_cursor, seal_cursor
from phivault.records.events import Trail
from phivault.records.fhir_meta import instant
from phivault.records.json_members import encode, parse
from phivault.records.search_query import DEFAULT_COUNT, MAX_COUNT
from phivault.records.shape import FORMATS

_PARAMETERS: Final = """
start end _at _list _sort _elements _summary _include _revinclude _lastUpdated _id _total _type _since
"""
_NAMED: Final = frozenset(_PARAMETERS.split())
"""Parameters of FHIR that may be named where they are refused; any other name is the caller's own text."""
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class Question:
    """``count`` entries at most; ``since`` is an aware time; ``types`` those asked for, None for all; ``place`` is
    where the page begins, None at the beginning."""

    count: int = DEFAULT_COUNT
    since: datetime | None = None
    types: tuple[str, ...] | None = None
    place: tuple[str, str] | None = None


def question(
    trail: Trail, of: str, parameters: Mapping[str, str], types: Callable[[str], tuple[str, ...]] | None = None
) -> Question:
    """Read the parameters of a list ``of`` one resource: ``_count`` (1 to 100), ``_since`` (an instant), ``_type``
    where ``types`` reads it, or ``_cursor`` alone. Raises UnsupportedParameter or InvalidInput, naming no value."""
    supported = {"_count", "_since", "_cursor"} | ({"_type"} if types else set())
    given = {name: value for name, value in parameters.items() if (name, value) not in FORMATS}
    for name in given.keys() - supported:
        named = name if name in _NAMED else "A parameter"
        raise UnsupportedParameter(f"{named} is not supported here: use {', '.join(sorted(supported))}")
    if "_cursor" in given:
        if len(given) > 1:
            raise InvalidInput("_cursor stands alone: it holds what was asked for")
        return _resumed(trail, of, given["_cursor"])
    return Question(
        count=_count(given.get("_count", str(DEFAULT_COUNT))),
        since=since(given["_since"]) if "_since" in given else None,
        types=types(given["_type"]) if types and "_type" in given else None,
    )


def cursor(trail: Trail, of: str, asked: Question, place: tuple[str, str]) -> str:
    """What goes on with ``asked`` behind ``place``."""
    written = None if asked.since is None else asked.since.astimezone(UTC).isoformat()
    return seal_cursor(trail, encode([of, asked.count, written, asked.types]).decode(), encode(place).decode())


def since(text: str) -> datetime:
    """A FHIR instant (R4, 2.24.0.1) as an aware time. Raises InvalidInput."""
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise InvalidInput("_since is an instant, such as 2026-02-03T04:05:06Z")


def links(place: str, parameters: Mapping[str, Any], asked: Question, following: str | None) -> dict[str, str]:
    """Relation -> URL. What was asked for stands in the link to itself in our own words."""
    told = {"_count": str(asked.count)}
    if asked.since is not None:
        told["_since"] = instant(asked.since)
    if asked.types is not None:
        told["_type"] = ",".join(asked.types)
    own = {"_cursor": parameters["_cursor"]} if "_cursor" in parameters else told
    found = {"self": f"{place}?{_query(own)}"}
    return found | ({"next": f"{place}?_cursor={following}"} if following else {})


def _query(parameters: Mapping[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in parameters.items())


def _resumed(trail: Trail, of: str, sealed: str) -> Question:
    text, at = open_cursor(trail, sealed)
    found, place = _read(text), parse(at.encode())
    if found is None or found[0] != of:
        raise InvalidInput("_cursor is not one that this list returned")
    _, count, written, types = found
    return Question(
        count, None if written is None else datetime.fromisoformat(written), _tuple(types), (place[0], place[1])
    )


def _read(text: str) -> list[Any] | None:
    """A search's cursor holds something else, and is the same caller's."""
    try:
        value = parse(text.encode())
    except InvalidInput:
        return None
    return value if isinstance(value, list) and len(value) == 4 else None


def _tuple(names: Collection[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_COUNT:
        raise InvalidInput(f"_count is a number from 1 to {MAX_COUNT}")
    return int(text)
