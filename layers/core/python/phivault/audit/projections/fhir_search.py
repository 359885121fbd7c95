"""Search of AuditEvents in FHIR's words. http://hl7.org/fhir/R4/auditevent.html#search

A URL is read by proxies, histories and logs, so its parameters hold opaque ids and codes alone; whatever else FHIR
defines is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from phivault.audit.canonical import EventLine
from phivault.audit.projections import fhir
from phivault.audit.query import EventRows, Found, Page
from phivault.audit.query import search as search_index
from phivault.errors import InvalidInput, UnsupportedParameter

PARAMETERS: Final = ("date", "patient", "agent", "action", "type", "subtype", "outcome", "_count", "_cursor", "_format")
DEFAULT_COUNT: Final = 50
MAX_COUNT: Final = 200
_MAX_TOKENS: Final = 20
_OTHERS = """
address agent-name agent-role altid entity entity-name entity-role entity-type policy site source
_content _elements _filter _has _id _include _lastUpdated _list _profile _query _revinclude _security _sort _source
_summary _tag _text _total _type
"""
_UNSUPPORTED: Final = frozenset(_OTHERS.split())
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_USER: Final = "urn:phivault:user|"
_DATE: Final = re.compile(
    r"(?P<prefix>eq|ge|gt|le|lt)?(?P<day>\d{4}-\d\d-\d\d)(?P<time>T\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d))?",
    re.ASCII,
)
_FORMATS: Final = ("json", "application/json", "application/fhir+json")

type _Condition = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as it was asked: ``repeated`` are the parameters that its links carry, in order, without the cursor;
    ``conditions`` hold of the AuditEvents that match."""

    filters: Mapping[str, str]
    conditions: tuple[_Condition, ...]
    count: int
    cursor: str | None
    repeated: tuple[tuple[str, str], ...]

    def admits(self, line: EventLine) -> bool:
        shown = fhir.project(line)
        return all(condition(shown) for condition in self.conditions)


def parse(parameters: Sequence[tuple[str, str]]) -> Asked:
    """Reads a GET's parameters; ``date`` may come twice. Raises UnsupportedParameter or InvalidInput, naming the
    parameter and no value."""
    for name, value in parameters:
        _check_supported(name, value)
    given = [(name, value) for name, value in parameters if name != "_format"]
    values = {name: value for name, value in given if name != "date"}
    if len(values) != sum(name != "date" for name, _ in given):
        raise InvalidInput("A parameter is repeated")
    filters = {"patient": _patient, "agent": _agent}
    found = {name: read(values[name]) for name, read in filters.items() if name in values}
    found = {("user" if name == "agent" else name): value for name, value in found.items()}
    count = values.get("_count", str(DEFAULT_COUNT))
    if not re.fullmatch("[0-9]{1,3}", count, re.ASCII) or not 1 <= int(count) <= MAX_COUNT:
        raise InvalidInput(f"_count is a number from 1 to {MAX_COUNT}")
    return Asked(
        filters=found | _period([value for name, value in given if name == "date"]),
        conditions=tuple(_CONDITIONS[name](values[name]) for name in _CONDITIONS if name in values),
        count=int(count),
        cursor=values.get("_cursor"),
        repeated=tuple((name, value) for name, value in given if name != "_cursor"),
    )


def search(index: EventRows, tenant: str, asked: Asked, *, now: datetime | None = None) -> Page:
    """The page that ``asked`` asks for, of ``tenant``'s events. Raises InvalidInput, Unavailable."""
    also = asked.admits if asked.conditions else None
    return search_index(index, tenant, **asked.filters, cursor=asked.cursor, limit=asked.count, also=also, now=now)


def bundle(page: Page, asked: Asked, base_url: str) -> dict[str, Any]:
    """The searchset. A page may be short or empty and still have a next link; there is no total, which would have to
    be counted."""
    links = [{"relation": "self", "url": _url(base_url, asked.repeated, asked.cursor)}]
    if page.cursor is not None:
        links.append({"relation": "next", "url": _url(base_url, asked.repeated, page.cursor)})
    found = {"resourceType": "Bundle", "type": "searchset", "link": links}
    entries = [_entry(each, base_url) for each in page.found]
    return found | ({"entry": entries} if entries else {})


def _entry(found: Found, base_url: str) -> dict[str, Any]:
    shown = fhir.project(found.entry)
    return {"fullUrl": f"{base_url}/AuditEvent/{shown['id']}", "resource": shown, "search": {"mode": "match"}}


def _url(base_url: str, repeated: Sequence[tuple[str, str]], cursor: str | None) -> str:
    query = urlencode([*repeated, *([("_cursor", cursor)] if cursor is not None else [])])
    return f"{base_url}/AuditEvent" + (f"?{query}" if query else "")


def _check_supported(name: str, value: str) -> None:
    if name in PARAMETERS and (name != "_format" or value in _FORMATS):
        return
    plain = name.partition(":")[0].partition(".")[0]
    if name == "_format":
        raise UnsupportedParameter("_format is not supported but as json")
    known = plain in _UNSUPPORTED or plain in PARAMETERS
    supported = ", ".join(each for each in PARAMETERS if each != "_cursor")  # a cursor isn't for a caller to write
    raise UnsupportedParameter(f"{plain if known else 'A parameter'} is not supported: use {supported}")


def _patient(text: str) -> str:
    patient = text.removeprefix("Patient/")
    if not _ID.fullmatch(patient):
        raise InvalidInput("patient is not an id or Patient/ and an id")
    return patient


def _agent(text: str) -> str:
    user = text.removeprefix(_USER)
    if not _ID.fullmatch(user):
        raise InvalidInput("agent is not a user's id")
    return user


def _period(dates: Sequence[str]) -> dict[str, str]:
    if len(dates) > 2:
        raise InvalidInput("date may be given twice")
    bounds = [_bounds(text) for text in dates]
    since = max((since for since, _ in bounds if since), default=None)
    until = min((until for _, until in bounds if until), default=None)
    found = {"since": since, "until": until}
    return {name: at.isoformat() for name, at in found.items() if at}


def _bounds(text: str) -> tuple[datetime | None, datetime | None]:
    """From when (inclusive) until when (exclusive) a date with its prefix reaches; a day is one of UTC."""
    match = _DATE.fullmatch(text)
    try:
        start = datetime.fromisoformat(text.removeprefix(match["prefix"] or "")) if match else None
        if match is None or start is None:
            raise ValueError
        start = start.astimezone(UTC) if match["time"] else start.replace(tzinfo=UTC)
        end = start + _precision(match)
    except (ValueError, OverflowError):
        raise InvalidInput("date is not a day or a time with an offset, behind eq, ge, gt, le or lt") from None
    return {
        "ge": (start, None),
        "gt": (end, None),
        "le": (None, end),
        "lt": (None, start),
    }.get(match["prefix"] or "eq", (start, end))


def _precision(match: re.Match[str]) -> timedelta:
    if not match["time"]:
        return timedelta(days=1)
    return timedelta(milliseconds=1) if "." in match["time"] else timedelta(seconds=1)


def _codes(name: str, allowed: str) -> Callable[[str], _Condition]:
    def read(text: str) -> _Condition:
        codes = text.split(",")
        if not all(code and code in allowed.split() for code in codes):
            raise InvalidInput(f"{name} is not one of {allowed}")
        return lambda shown: shown[name] in codes

    return read


def _tokens(name: str) -> Callable[[str], _Condition]:
    def read(text: str) -> _Condition:
        tokens = [token.rpartition("|") for token in text.split(",")]
        if not all(code for _, _, code in tokens) or len(tokens) > _MAX_TOKENS:
            raise InvalidInput(f"{name} is not a code, or a system, | and a code")
        return lambda shown: any(_matches(coding, token) for coding in _codings(shown[name]) for token in tokens)

    return read


def _codings(shown: Any) -> list[dict[str, str]]:
    return shown if isinstance(shown, list) else [shown]


def _matches(coding: Mapping[str, str], token: tuple[str, str, str]) -> bool:
    system, bar, code = token
    return coding["code"] == code and (not bar or coding["system"] == system)


_CONDITIONS: Final[dict[str, Callable[[str], _Condition]]] = {
    "action": _codes("action", "C R U D E"),
    "outcome": _codes("outcome", "0 4 8"),
    "type": _tokens("type"),
    "subtype": _tokens("subtype"),
}
