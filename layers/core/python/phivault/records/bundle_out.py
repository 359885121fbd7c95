"""Bundles that go out: each resource stands in them with its own bytes. FHIR R4, sections 3.1.0.11 and 3.1.1.1.

``base_url`` ends before the resource type and has no slash at its end: https://host/v1/fhir.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from phivault.records.fhir_meta import instant
from phivault.records.json_members import encode, join, join_array

_STATUS = {"POST": "201 Created", "PUT": "200 OK", "DELETE": "204 No Content"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version that a bundle tells of. ``method`` (POST, PUT or DELETE) is what made it; ``resource`` its JSON,
    None where it is a deletion or isn't shown. Prints without the resource."""

    method: str
    type: str
    id: str
    version: int
    at: datetime
    resource: bytes | None = field(default=None, repr=False)


def transaction_response(versions: Sequence[Version], base_url: str) -> bytes:
    """The answer to a transaction, one entry per request, in the request's order."""
    return _bundle("transaction-response", [_answered(version, base_url) for version in versions])


def searchset(
    matches: Iterable[tuple[str, bytes]], base_url: str, *, links: dict[str, str], total: int | None = None
) -> bytes:
    """A page of a search: (Type/id, resource JSON) of each match. ``links`` are relation -> URL, ``self`` first;
    ``total`` is left out unless every match was counted."""
    entries = [
        join({"fullUrl": encode(f"{base_url}/{place}"), "resource": resource, "search": encode({"mode": "match"})})
        for place, resource in matches
    ]
    return _bundle("searchset", entries, links, total)


def history(versions: Sequence[Version], base_url: str, *, links: dict[str, str], total: int | None = None) -> bytes:
    """Versions of one resource, the newest first; a deletion stands without a resource."""
    return _bundle("history", [_past(version, base_url) for version in versions], links, total)


def _bundle(kind: str, entries: list[bytes], links: dict[str, str] | None = None, total: int | None = None) -> bytes:
    members = {"resourceType": b'"Bundle"', "type": encode(kind)}
    if total is not None:
        members["total"] = encode(total)
    if links:
        members["link"] = encode([{"relation": relation, "url": url} for relation, url in links.items()])
    if entries:
        members["entry"] = join_array(entries)
    return join(members)


def _answered(version: Version, base_url: str) -> bytes:
    # A deletion's entry has a response alone: fullUrl would name what is no longer there.
    members = {} if version.method == "DELETE" else {"fullUrl": encode(f"{base_url}/{version.type}/{version.id}")}
    return join(members | _resource(version) | {"response": _response(version, base_url)})


def _past(version: Version, base_url: str) -> bytes:
    place = version.type if version.method == "POST" else f"{version.type}/{version.id}"
    request = {"method": version.method, "url": place}
    members = {"fullUrl": encode(f"{base_url}/{version.type}/{version.id}")} | _resource(version)
    return join(members | {"request": encode(request), "response": _response(version, base_url)})


def _resource(version: Version) -> dict[str, bytes]:
    return {} if version.resource is None else {"resource": version.resource}


def _response(version: Version, base_url: str) -> bytes:
    response = {"status": _STATUS[version.method]}
    if version.method != "DELETE":
        response["location"] = f"{base_url}/{version.type}/{version.id}/_history/{version.version}"
    response |= {"etag": f'W/"{version.version}"', "lastModified": instant(version.at)}
    return encode(response)
