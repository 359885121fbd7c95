"""Bundles that go out: each resource stands in them with its own bytes. FHIR R4, sections 3.1.0.11 and 3.1.1.1.

``base_url`` ends before the resource type and has no slash at its end: https://host/v1/fhir.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from phivault.records.fhir_meta import instant
from phivault.records.json_members import encode, join, join_array

_STATUS = {"POST": "201 Created", "PUT": "200 OK", "PATCH": "200 OK", "DELETE": "204 No Content"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What one request made. ``method`` is POST, PUT, PATCH or DELETE; ``resource`` the JSON as the caller may see it,
    None where it is a deletion or isn't shown; ``at`` is None where the time would date the patient's care. ``status``
    and ``outcome`` (an OperationOutcome) stand in the response where they are given. Prints without the resource."""

    method: str
    type: str
    id: str
    version: int
    at: datetime | None
    resource: bytes | None = field(default=None, repr=False)
    status: str = ""
    outcome: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a request is answered that made no version: a read, or a refusal (``outcome``, an OperationOutcome).
    ``status`` is an HTTP status; ``place`` (Type/id) and ``version`` are of a resource that was read, 0 where no
    version is told. Prints without what may be PHI."""

    status: int
    place: str = ""
    version: int = 0
    at: datetime | None = None
    resource: bytes | None = field(default=None, repr=False)
    outcome: bytes | None = None


def transaction_response(made: Sequence[Version | Reply], base_url: str, kind: str = "transaction-response") -> bytes:
    """The answer to a transaction, or to a batch (``kind``), one entry per request, in the request's order."""
    return _bundle(kind, [_answered(one, base_url) for one in made])


def history_bundle(versions: Iterable[Version], base_url: str, links: dict[str, str]) -> bytes:
    """A page of a history: what asked for each version and what came of it. FHIR R4, section 3.1.0.14."""
    return _bundle("history", [_versioned(one, base_url) for one in versions], links)


def searchset(
    matches: Iterable[tuple[str, bytes]],
    base_url: str,
    *,
    links: dict[str, str],
    total: int | None = None,
    included: Iterable[tuple[str, bytes]] = (),
) -> bytes:
    """A page of a search: (Type/id, resource JSON) of each match, and of what is ``included`` because matches refer to
    it. ``links`` are relation -> URL, ``self`` first; ``total`` is left out unless every match was counted."""
    entries = [_found(place, resource, base_url, "match") for place, resource in matches]
    entries += [_found(place, resource, base_url, "include") for place, resource in included]
    return _bundle("searchset", entries, links, total)


def _found(place: str, resource: bytes, base_url: str, mode: str) -> bytes:
    return join({"fullUrl": encode(f"{base_url}/{place}"), "resource": resource, "search": encode({"mode": mode})})


def _bundle(kind: str, entries: list[bytes], links: dict[str, str] | None = None, total: int | None = None) -> bytes:
    members = {"resourceType": b'"Bundle"', "type": encode(kind)}
    if total is not None:
        members["total"] = encode(total)
    if links:
        members["link"] = encode([{"relation": relation, "url": url} for relation, url in links.items()])
    if entries:
        members["entry"] = join_array(entries)
    return join(members)


def _answered(made: Version | Reply, base_url: str) -> bytes:
    if isinstance(made, Reply):
        return _replied(made, base_url)
    # A deletion's entry has a response alone: fullUrl would name what is no longer there.
    members = {} if made.method == "DELETE" else {"fullUrl": encode(f"{base_url}/{made.type}/{made.id}")}
    return join(members | _resource(made) | {"response": _response(made, base_url)})


def _replied(reply: Reply, base_url: str) -> bytes:
    response: dict[str, str] = {"status": f"{reply.status} {HTTPStatus(reply.status).phrase}"}
    if reply.version:
        response["location"] = f"{base_url}/{reply.place}/_history/{reply.version}"
        response["etag"] = f'W/"{reply.version}"'
    if reply.at is not None:
        response["lastModified"] = instant(reply.at)
    members = {name: encode(value) for name, value in response.items()}
    members |= {} if reply.outcome is None else {"outcome": reply.outcome}
    named = {"fullUrl": encode(f"{base_url}/{reply.place}")} if reply.place else {}
    return join(named | ({} if reply.resource is None else {"resource": reply.resource}) | {"response": join(members)})


def _versioned(made: Version, base_url: str) -> bytes:
    url = made.type if made.method == "POST" else f"{made.type}/{made.id}"
    request = {"request": encode({"method": made.method, "url": url})}
    named = {"fullUrl": encode(f"{base_url}/{made.type}/{made.id}")}
    return join(named | _resource(made) | request | {"response": _response(made, base_url)})


def _resource(made: Version) -> dict[str, bytes]:
    return {} if made.resource is None else {"resource": made.resource}


def _response(made: Version, base_url: str) -> bytes:
    response: dict[str, str] = {"status": made.status or _STATUS[made.method]}
    if made.method != "DELETE":
        response["location"] = f"{base_url}/{made.type}/{made.id}/_history/{made.version}"
    response["etag"] = f'W/"{made.version}"'
    if made.at is not None:
        response["lastModified"] = instant(made.at)
    members = {name: encode(value) for name, value in response.items()}
    return join(members | ({} if made.outcome is None else {"outcome": made.outcome}))
