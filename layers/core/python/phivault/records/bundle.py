"""Transaction bundles: parsed strictly, then every new resource is placed and what refers to it resolved.

FHIR R4, section 3.1.0.11. Batches, conditional operations and reads inside a bundle are refused, not ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from phivault.errors import InvalidInput
from phivault.records.json_members import parse as parse_json
from phivault.records.json_members import split, split_array
from phivault.records.references import resolve
from phivault.records.types import TYPES

MAX_ENTRIES = 500
_BUNDLE = frozenset({"resourceType", "type", "entry", "id", "meta", "timestamp", "identifier"})
_ENTRY = frozenset({"fullUrl", "resource", "request"})
_REQUEST = frozenset({"method", "url", "ifMatch"})
_CONDITIONS = ("ifNoneExist", "ifNoneMatch", "ifModifiedSince")
_METHODS = frozenset({"POST", "PUT", "DELETE"})
_URL = re.compile(r"([A-Za-z]{1,64})(?:/([A-Za-z0-9\-.]{1,64}))?")
_FULL_URL = re.compile(r"(?:urn:uuid:|urn:oid:|https?://)[^\s]{1,2000}")
_ETAG = re.compile(r'(?:W/)?"[0-9]{1,10}"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request of a transaction. ``id`` is None for POST; ``if_match`` is an entity tag such as W/"3", as it was
    sent; ``resource`` the JSON bytes as sent, None for DELETE. Prints without the resource."""

    method: str
    type: str
    id: str | None
    if_match: str | None = None
    full_url: str | None = field(default=None, repr=False)
    resource: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry with the id it gets, and its resource with the transaction's own references resolved."""

    entry: Entry
    id: str
    resource: bytes | None = field(repr=False)


def parse(body: bytes) -> list[Entry]:
    """The entries of a transaction bundle, in order. Raises InvalidInput, which names the entry by its place."""
    bundle = split(body)
    _only(bundle, _BUNDLE, "Bundle")
    _require(_text(bundle, "resourceType") == "Bundle", "resourceType must be Bundle")
    _require(_text(bundle, "type") == "transaction", "Bundle.type must be transaction; batch is not supported")
    raw = split_array(bundle.get("entry", b"[]"))
    _require(len(raw) <= MAX_ENTRIES, f"A transaction may have at most {MAX_ENTRIES} entries")
    entries = [_entry(item, f"Bundle.entry[{index}]") for index, item in enumerate(raw)]
    _refuse_repeats([entry.full_url for entry in entries], "fullUrl")
    _refuse_repeats([f"{entry.type}/{entry.id}" if entry.id else None for entry in entries], "request.url")
    return entries


def assign(entries: Sequence[Entry], new_id: Callable[[], str]) -> list[Placed]:
    """Give each POST an id from ``new_id`` and resolve references to any entry's fullUrl, in the entries' order."""
    ids = [entry.id or new_id() for entry in entries]
    targets = {
        entry.full_url: f"{entry.type}/{given}"
        for entry, given in zip(entries, ids, strict=True)
        if entry.full_url and entry.method != "DELETE"
    }
    return [
        Placed(entry, given, None if entry.resource is None else resolve(entry.resource, targets))
        for entry, given in zip(entries, ids, strict=True)
    ]


def _entry(item: bytes, place: str) -> Entry:
    entry = split(item)
    _only(entry, _ENTRY, place)
    method, kind, number, if_match = _request(entry.get("request"), place)
    resource, full_url = entry.get("resource"), _text(entry, "fullUrl")
    if "fullUrl" in entry:
        _require(_FULL_URL.fullmatch(full_url or ""), f"{place}.fullUrl must be a urn:uuid:, urn:oid: or http(s) URL")
    _require((resource is None) == (method == "DELETE"), f"{place} must have a resource unless it is a DELETE")
    if resource is not None:
        members = split(resource)
        _require(_text(members, "resourceType") == kind, f"{place}.resource must be of the type in its request.url")
        _require(
            number is None or _text(members, "id") == number, f"{place}.resource.id must be the id in its request.url"
        )
    return Entry(method=method, type=kind, id=number, if_match=if_match, full_url=full_url, resource=resource)


def _request(item: bytes | None, place: str) -> tuple[str, str, str | None, str | None]:
    request = split(item) if item is not None else {}
    for name in _CONDITIONS:
        _require(name not in request, f"{place}.request.{name} is not supported")
    _only(request, _REQUEST, f"{place}.request")
    method, if_match = _text(request, "method"), _text(request, "ifMatch")
    _require(method in _METHODS, f"{place}.request.method must be POST, PUT or DELETE")
    url = _URL.fullmatch(_text(request, "url") or "")
    if url is None or url[1] not in TYPES or (url[2] is None) != (method == "POST"):
        raise InvalidInput(f"{place}.request.url must be a served Type for POST, else Type/id, without a query")
    if "ifMatch" in request:
        _require(method != "POST" and _ETAG.fullmatch(if_match or ""), f'{place}.request.ifMatch must be like W/"1"')
    return str(method), url[1], url[2], if_match


def _only(members: Collection[str], allowed: Collection[str], place: str) -> None:
    _require(all(name in allowed for name in members), f"{place} may only have " + ", ".join(sorted(allowed)))


def _text(members: dict[str, bytes], name: str) -> str | None:
    value = parse_json(members[name]) if name in members else None
    return value if isinstance(value, str) else None


def _require(holds: Any, rule: str) -> None:
    if not holds:
        raise InvalidInput(rule)


def _refuse_repeats(values: Sequence[str | None], member: str) -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value is not None:
            _require(value not in seen, f"Bundle.entry[{index}].{member} repeats another entry's")
            seen.add(value)
