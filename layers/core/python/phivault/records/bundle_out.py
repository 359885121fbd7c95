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
    """What one request of a transaction made. ``method`` is POST, PUT or DELETE; ``resource`` the JSON as the caller
    may see it, None where it is a deletion or isn't shown. Prints without the resource."""

    method: str
    type: str
    id: str
    version: int
    at: datetime
    resource: bytes | None = field(default=None, repr=False)


def transaction_response(made: Sequence[Version], base_url: str) -> bytes:
    """The answer to a transaction, one entry per request, in the request's order."""
    return _bundle("transaction-response", [_answered(one, base_url) for one in made])


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


def _bundle(kind: str, entries: list[bytes], links: dict[str, str] | None = None, total: int | None = None) -> bytes:
    members = {"resourceType": b'"Bundle"', "type": encode(kind)}
    if total is not None:
        members["total"] = encode(total)
    if links:
        members["link"] = encode([{"relation": relation, "url": url} for relation, url in links.items()])
    if entries:
        members["entry"] = join_array(entries)
    return join(members)


def _answered(made: Version, base_url: str) -> bytes:
    # A deletion's entry has a response alone: fullUrl would name what is no longer there.
    members = {} if made.method == "DELETE" else {"fullUrl": encode(f"{base_url}/{made.type}/{made.id}")}
    return join(members | _resource(made) | {"response": _response(made, base_url)})


def _resource(made: Version) -> dict[str, bytes]:
    return {} if made.resource is None else {"resource": made.resource}


def _response(made: Version, base_url: str) -> bytes:
    response = {"status": _STATUS[made.method]}
    if made.method != "DELETE":
        response["location"] = f"{base_url}/{made.type}/{made.id}/_history/{made.version}"
    response |= {"etag": f'W/"{made.version}"', "lastModified": instant(made.at)}
    return encode(response)
