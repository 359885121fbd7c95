"""Bundles of requests: parsed strictly; then every new resource is placed and what refers to it resolved.

FHIR R4, section 3.1.0.11. What isn't supported inside a bundle is refused by name, not ignored. An entry of a batch
that can't be read is refused alone; one of a transaction refuses all.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

from phivault.errors import InvalidInput
from phivault.records.json_members import parse as parse_json
from phivault.records.json_members import split, split_array
from phivault.records.references import resolve
from phivault.records.types import TYPES

MAX_ENTRIES: Final = 500
MAX_PARAMETERS: Final = 50
PATCH_TYPE: Final = "application/json-patch+json"
_BUNDLE: Final = frozenset({"resourceType", "type", "entry", "id", "meta", "timestamp", "identifier"})
_ENTRY: Final = frozenset({"fullUrl", "resource", "request"})
_REQUEST: Final = frozenset({"method", "url", "ifMatch", "ifNoneExist"})
_BINARY: Final = frozenset({"resourceType", "contentType", "data"})
_CONDITIONS: Final = ("ifNoneMatch", "ifModifiedSince")
_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE", "GET")
_URL: Final = re.compile(
    r"([A-Za-z]{1,64})(?:/([A-Za-z0-9\-.]{1,64})(?:/_history/([0-9]{1,9}))?)?(?:\?([\x21-\x7e]{0,2048}))?"
)
_FULL_URL: Final = re.compile(r"(?:urn:uuid:|urn:oid:|https?://)[^\s]{1,2000}")
_ETAG: Final = re.compile(r'(?:W/)?"[0-9]{1,10}"')

type Kind = Literal["transaction", "batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request. ``id`` is None for POST and for a search; ``version`` is asked for by a GET of one; ``if_match`` is
    an entity tag such as W/"3", as it was sent, ``if_none_exist`` a query. ``resource`` are the JSON bytes as sent,
    those of the JSON Patch of a PATCH, None for DELETE and GET; ``members`` are those of a POST or PUT. Prints
    without what may tell about a person."""

    method: str
    type: str
    id: str | None
    version: int | None = None
    if_match: str | None = None
    if_none_exist: str | None = field(default=None, repr=False)
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    full_url: str | None = field(default=None, repr=False)
    resource: bytes | None = field(default=None, repr=False)
    members: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry with the id it gets, and its resource with the transaction's own references resolved: those to a key of
    ``targets`` lead to its value."""

    entry: Entry
    id: str
    targets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def resource(self) -> bytes | None:
        return None if self.entry.resource is None else resolve(self.entry.resource, self.targets)

    @property
    def members(self) -> dict[str, bytes]:
        """Those of the resource of a POST or PUT."""
        return {name: resolve(value, self.targets) for name, value in self.entry.members.items()}


def opened(body: bytes, *kinds: Kind) -> tuple[Kind, list[bytes]]:
    """The kind of a bundle, which has to be one of ``kinds``, and its entries' texts. Raises InvalidInput."""
    bundle = split(body)
    _only(bundle, _BUNDLE, "Bundle")
    _require(_text(bundle, "resourceType") == "Bundle", "resourceType must be Bundle")
    kind = next((kind for kind in kinds if kind == _text(bundle, "type")), None)
    if kind is None:
        raise InvalidInput(f"Bundle.type must be {' or '.join(kinds)}")
    raw = split_array(bundle.get("entry", b"[]"))
    _require(len(raw) <= MAX_ENTRIES, f"A Bundle may have at most {MAX_ENTRIES} entries")
    return kind, raw


def parse(body: bytes) -> list[Entry]:
    """The entries of a transaction, in order. Raises InvalidInput, which names the entry by its place."""
    return entries_of(opened(body, "transaction")[1])


def entries_of(raw: Sequence[bytes]) -> list[Entry]:
    """The same from the texts of the entries."""
    entries = [_entry(item, f"Bundle.entry[{index}]") for index, item in enumerate(raw)]
    for index, member in _repeats(entries).items():
        raise InvalidInput(f"Bundle.entry[{index}].{member} repeats another entry's")
    return entries


def each_of(raw: Sequence[bytes]) -> list[Entry | InvalidInput]:
    """The entries of a batch, in order, or why one can't be read. Two that change one resource depend on each other,
    which entries of a batch mustn't (FHIR R4, 3.1.0.11.1): the second is refused."""
    read: list[Entry | InvalidInput] = []
    for index, item in enumerate(raw):
        try:
            read.append(_entry(item, f"Bundle.entry[{index}]"))
        except InvalidInput as error:
            read.append(error)
    for index, member in _repeats(read).items():
        read[index] = InvalidInput(f"Bundle.entry[{index}].{member} repeats another entry's")
    return read


def assign(
    entries: Sequence[Entry],
    new_id: Callable[[], str],
    found: Mapping[int, str] = MappingProxyType({}),
    known: Mapping[str, str] = MappingProxyType({}),
) -> list[Placed]:
    """Give each POST an id from ``new_id``, or the one ``found`` for it by its number, and resolve references to any
    entry's fullUrl, in the entries' order; and those that are ``known`` to lead to a resource (Type/id)."""
    ids = [
        entry.id or found.get(number) or (new_id() if entry.method == "POST" else "")
        for number, entry in enumerate(entries)
    ]
    targets = dict(known) | {
        entry.full_url: f"{entry.type}/{given}"
        for entry, given in zip(entries, ids, strict=True)
        if entry.full_url and entry.method not in ("DELETE", "GET")
    }
    return [Placed(entry, given, targets) for entry, given in zip(entries, ids, strict=True)]


def _entry(item: bytes, place: str) -> Entry:
    entry = split(item)
    _only(entry, _ENTRY, place)
    request = split(entry["request"]) if "request" in entry else {}
    for name in _CONDITIONS:
        _require(name not in request, f"{place}.request.{name} is not supported")
    _only(request, _REQUEST, f"{place}.request")
    method = _text(request, "method") or ""
    _require(method in _METHODS, f"{place}.request.method must be POST, PUT, PATCH, DELETE or GET")
    kind, number, version, parameters = _address(_text(request, "url") or "", method, place)
    full_url = _text(entry, "fullUrl")
    if "fullUrl" in entry:
        _require(_FULL_URL.fullmatch(full_url or ""), f"{place}.fullUrl must be a urn:uuid:, urn:oid: or http(s) URL")
    resource, members = _resource(entry, method, kind, number, place)
    return Entry(
        method=method,
        type=kind,
        id=number,
        version=version,
        if_match=_if_match(request, method, place),
        if_none_exist=_if_none_exist(request, method, place),
        parameters=parameters,
        full_url=full_url,
        resource=resource,
        members=members,
    )


def _address(text: str, method: str, place: str) -> tuple[str, str | None, int | None, tuple[tuple[str, str], ...]]:
    """What a request's url names. Its query isn't repeated in an error: it may say anything."""
    reads = method == "GET"
    # The Medplum client gathers its reads in batches, and writes a slash in front.
    url = _URL.fullmatch(text.removeprefix("/") if reads else text)
    if (
        url is None
        or url[1] not in TYPES
        or (not reads and ((url[2] is None) != (method == "POST") or url[3] or url[4] is not None))
    ):
        rule = "a served Type for POST, Type/id for PUT, PATCH and DELETE, without a query"
        raise InvalidInput(f"{place}.request.url must be {rule}; what a read names for GET")
    try:
        parameters = parse_qsl(url[4] or "", keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError:
        raise InvalidInput(
            f"{place}.request.url has no readable query of at most {MAX_PARAMETERS} parameters"
        ) from None
    return url[1], url[2], int(url[3]) if url[3] else None, tuple(parameters)


def _if_match(request: dict[str, bytes], method: str, place: str) -> str | None:
    if "ifMatch" not in request:
        return None
    tag = _text(request, "ifMatch") or ""
    fits = method in ("PUT", "PATCH", "DELETE") and _ETAG.fullmatch(tag)
    _require(fits, f'{place}.request.ifMatch must be like W/"1", on PUT, PATCH or DELETE')
    return tag


def _if_none_exist(request: dict[str, bytes], method: str, place: str) -> str | None:
    if "ifNoneExist" not in request:
        return None
    query = _text(request, "ifNoneExist")
    _require(method == "POST" and query, f"{place}.request.ifNoneExist must be the query of a search, on POST")
    return query


def _resource(
    entry: dict[str, bytes], method: str, kind: str, number: str | None, place: str
) -> tuple[bytes | None, dict[str, bytes]]:
    """What the entry brings, and the members of a resource to write."""
    resource = entry.get("resource")
    _require(
        (resource is None) == (method in ("DELETE", "GET")),
        f"{place} must have a resource unless it is a DELETE or GET",
    )
    if resource is None:
        return None, {}
    members = split(resource)
    if method == "PATCH":
        return _patch(members, place), {}
    _require(_text(members, "resourceType") == kind, f"{place}.resource must be of the type in its request.url")
    _require(number is None or _text(members, "id") == number, f"{place}.resource.id must be the id in its request.url")
    return resource, members


def _patch(members: dict[str, bytes], place: str) -> bytes:
    """A JSON Patch comes as a Binary (FHIR R4, section 3.1.0.5.1)."""
    fits = _text(members, "resourceType") == "Binary" and _text(members, "contentType") == PATCH_TYPE
    _require(fits, f"{place}.resource must be a Binary of contentType {PATCH_TYPE} for PATCH")
    _only(members, _BINARY, f"{place}.resource")
    try:
        return base64.b64decode(_text(members, "data") or "", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"{place}.resource.data must be base64") from None


def _repeats(entries: Sequence[Entry | InvalidInput]) -> dict[int, str]:
    """Entries that have the fullUrl, the resource to change or the condition of one before, with what repeats."""
    seen: set[tuple[str, str]] = set()
    found: dict[int, str] = {}
    for index, entry in enumerate(entries):
        if isinstance(entry, InvalidInput):
            continue
        changed = f"{entry.type}/{entry.id}" if entry.id and entry.method != "GET" else None
        condition = f"{entry.type}?{entry.if_none_exist}" if entry.if_none_exist else None
        for member, value in (
            ("fullUrl", entry.full_url),
            ("request.url", changed),
            ("request.ifNoneExist", condition),
        ):
            if value is not None and (member, value) in seen:
                found.setdefault(index, member)
            elif value is not None:
                seen.add((member, value))
    return found


def _only(members: Collection[str], allowed: Collection[str], place: str) -> None:
    _require(all(name in allowed for name in members), f"{place} may only have " + ", ".join(sorted(allowed)))


def _text(members: dict[str, bytes], name: str) -> str | None:
    value = parse_json(members[name]) if name in members else None
    return value if isinstance(value, str) else None


def _require(holds: Any, rule: str) -> None:
    if not holds:
        raise InvalidInput(rule)
