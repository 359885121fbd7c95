"""Patch a resource with JSON Patch (RFC 6902; FHIR R4 3.1.0.5.1): change what the caller sees, then update as ever.

The operations are applied to the resource as a read shows it to this caller, so what they can't see is absent for every
operation, ``test`` included. Members that no operation names keep their bytes; in the others every number stays as it
is written. What comes out goes the way of an update: merged with what is hidden, classified, validated, sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from phivault.audit.event import Action
from phivault.errors import ContentTooLarge, InvalidInput
from phivault.records.address import address
from phivault.records.authorise import Authority
from phivault.records.call import Call
from phivault.records.changes import apply, change_to
from phivault.records.create import answer_again
from phivault.records.events import Target, Trail
from phivault.records.fhir_meta import present, strip
from phivault.records.idempotency import once, request_hash
from phivault.records.json_members import join, split
from phivault.records.json_patch import Operation, operations, patch_members
from phivault.records.released import Released, written
from phivault.records.seal import Draft
from phivault.records.service import Records
from phivault.records.store import IdempotencyRecord
from phivault.records.types import TYPES
from phivault.records.update import Standing, standing, successor

MOST_PATCHED = 16 << 20
"""Bytes that the patches of one request may leave together: a short one makes much of little."""
_SERVERS = (("id",), ("_id",), ("resourceType",), ("meta", "versionId"), ("meta", "lastUpdated"))
"""What the server says of a resource: nobody patches it, though ``test`` may ask for it."""


def patch(
    records: Records,
    call: Call,
    type: str,
    id: str,
    body: bytes,
    *,
    if_match: str | None = None,
    idempotency_key: str | None = None,
) -> Released:
    """The next version of a resource, as ``body`` (a JSON Patch document) changes the newest one.

    Raises InvalidInput (no patch, more than 100 operations), Unprocessable (an operation that doesn't apply, a ``test``
    that fails), ContentTooLarge, and as ``update.update``; then nothing is written.
    """
    with Trail(records, call, Action.UPDATE, address(type, id)) as trail:
        hashed = partial(request_hash, "PATCH", f"{type}/{id}", body)
        first = partial(_first, trail, body, if_match)
        return once(trail, idempotency_key, hashed, first, partial(answer_again, trail))


def _first(trail: Trail, body: bytes, if_match: str | None, record: IdempotencyRecord | None) -> Released:
    authority = Authority(trail)
    draft = patched(trail, authority, trail.target, body, if_match)
    change = change_to(trail, Action.UPDATE, draft)
    trail.target = change.target
    apply(trail, [change], record, conditional=if_match is not None, authority=authority)
    return written(draft, change)


def patched(trail: Trail, authority: Authority, target: Target, body: bytes, if_match: str | None) -> Draft:
    """The next version that the caller may make of the newest one by these operations (a JSON Patch document)."""
    asked = operations(body)
    _refuse_servers(asked)
    stands, limit = standing(trail, authority, target, if_match), TYPES[target.resource].max_body
    left = patch_members(_seen(stands), asked, limit=limit)
    _refuse_growth(trail, len(join(left)), limit)
    members = strip(left)
    writes_meta = any(path[0] == "meta" for operation in asked for path in operation.writes)
    if not writes_meta and "meta" in stands.opened.keys() - stands.hidden:
        members["meta"] = stands.opened["meta"]
    return successor(trail, target, stands, members, keeps_meta=False)


def _refuse_growth(trail: Trail, size: int, limit: int) -> None:
    trail.patched += size
    if size > limit:
        raise ContentTooLarge(f"The patched resource would have more than {limit} bytes")
    if trail.patched > max(limit, MOST_PATCHED):
        raise ContentTooLarge(f"The patched resources would together have more than {MOST_PATCHED} bytes")


def _seen(stands: Standing) -> dict[str, bytes]:
    """The resource as a read shows it to the caller."""
    sealed = stands.sealed
    shown = {name: value for name, value in stands.opened.items() if name not in stands.hidden}
    return split(
        present(
            shown,
            id=sealed.id,
            resource_type=sealed.type,
            version=sealed.version,
            at=sealed.at,
            withheld=bool(stands.hidden),
        )
    )


def _refuse_servers(asked: Sequence[Operation]) -> None:
    for place, operation in enumerate(asked):
        if any(
            path == ours[: len(path)] or path[: len(ours)] == ours for path in operation.writes for ours in _SERVERS
        ):
            raise InvalidInput(f"Operation {place} would change what the server says of a resource")
