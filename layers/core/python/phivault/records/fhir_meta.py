"""What the server says about a resource, taken off what comes in and put on what goes out. FHIR R4, section 2.26.3."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from phivault.errors import InvalidInput
from phivault.records.json_members import encode, join, join_array, parse, split, split_array

_OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
REDACTED = {"system": _OBSERVATION_VALUE, "code": "REDACTED", "display": "redacted"}
SUBSETTED = {"system": _OBSERVATION_VALUE, "code": "SUBSETTED", "display": "subsetted"}
_OURS = ("versionId", "_versionId", "lastUpdated", "_lastUpdated")
_MARKS = {"security": REDACTED, "tag": SUBSETTED}


def client_members(resource_type: str, id: str | None, members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The members that are the client's: without ``resourceType``, ``id`` and what the server adds to ``meta``.

    Raises InvalidInput unless ``resourceType`` is the URL's type and, with ``id`` given, ``id`` is the URL's
    (FHIR R4, section 3.1.0.4). Without ``id`` (a create) an id that was sent is ignored (section 3.1.0.8).
    """
    _require(members.get("resourceType"), resource_type, "resourceType must be the type that the URL names")
    if id is not None:
        _require(members.get("id"), id, f"{resource_type}.id must be there and be the id that the URL names")
    return strip(members)


def strip(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """``members`` without what the server itself says. A ``meta`` of which nothing is left is dropped; one from
    which nothing is taken keeps its bytes. Raises InvalidInput where ``meta`` isn't an object of its form."""
    kept = {name: value for name, value in members.items() if name not in ("resourceType", "id", "_id")}
    if "meta" in kept:
        meta = _client_meta(kept["meta"])
        if meta is None:
            del kept["meta"]
        else:
            kept["meta"] = meta
    return kept


def present(
    members: Mapping[str, bytes], *, id: str, resource_type: str, version: int, at: datetime, withheld: bool
) -> bytes:
    """A resource's JSON: ``resourceType``, ``id``, ``meta``, then the members byte for byte.

    ``at`` is an aware time; ``withheld`` marks a resource of which the reader doesn't see all elements.
    """
    meta = {"versionId": encode(str(version)), "lastUpdated": encode(instant(at))}
    meta |= split(members["meta"]) if "meta" in members else {}
    if withheld:
        for name, coding in _MARKS.items():
            meta[name] = join_array([*split_array(meta.get(name, b"[]")), encode(coding)])
    head = {"resourceType": encode(resource_type), "id": encode(id), "meta": join(meta)}
    return join(head | {name: value for name, value in members.items() if name not in head})


def instant(at: datetime) -> str:
    """A FHIR instant: UTC with milliseconds and ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _require(value: bytes | None, expected: str, rule: str) -> None:
    if value is None or parse(value) != expected:
        raise InvalidInput(rule)


def _client_meta(meta: bytes) -> bytes | None:
    members = split(meta)
    kept = {}
    for name, value in members.items():
        left = _unmarked(name, value)
        if left is not None:
            kept[name] = left
    if kept == members:
        return meta
    return join(kept) if kept else None


def _unmarked(name: str, value: bytes) -> bytes | None:
    if name in _OURS:
        return None
    if name not in _MARKS:
        return value
    codings = split_array(value)
    others = [coding for coding in codings if not _is(_MARKS[name], parse(coding))]
    if len(others) == len(codings):
        return value
    return join_array(others) if others else None


def _is(mark: Mapping[str, str], coding: Any) -> bool:
    return isinstance(coding, dict) and all(coding.get(name) == mark[name] for name in ("system", "code"))
