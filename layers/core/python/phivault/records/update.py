"""Update a resource: authorize, merge, validate, classify, seal, record, commit, in this order.

An update of an id that was never used is 404 (ids are given by the server) and of a deleted resource 410: a
deletion stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from phivault.audit.event import Action
from phivault.errors import AccessDenied, NotFound, Unprocessable
from phivault.phi.data_class import DataClass
from phivault.records.address import address
from phivault.records.authorise import Authority, owner_of
from phivault.records.call import Call
from phivault.records.changes import apply, change_to
from phivault.records.create import answer_again
from phivault.records.etag import check_if_match
from phivault.records.events import Target, Trail
from phivault.records.fhir_meta import client_members
from phivault.records.idempotency import once, request_hash
from phivault.records.json_members import split
from phivault.records.merge import Rights, merge
from phivault.records.open import open_elements, originals, owner_of_sealed
from phivault.records.released import Released, refuse_deleted, written
from phivault.records.seal import Draft, classes_of
from phivault.records.service import Records
from phivault.records.store import IdempotencyRecord
from phivault.records.validate import validate


def update(
    records: Records,
    call: Call,
    type: str,
    id: str,
    body: bytes,
    *,
    if_match: str | None = None,
    idempotency_key: str | None = None,
) -> Released:
    """The next version of a resource: what the caller sent, and untouched what they can't see.

    Raises InvalidInput, AccessDenied, NotFound, Gone, PreconditionFailed (``if_match`` is stale), Conflict
    (another write came first), Unprocessable or Unavailable; then nothing is written.
    """
    with Trail(records, call, Action.UPDATE, address(type, id)) as trail:
        hashed = partial(request_hash, "PUT", f"{type}/{id}", body)
        first = partial(_first, trail, body, if_match)
        return once(trail, idempotency_key, hashed, first, partial(answer_again, trail))


def _first(trail: Trail, body: bytes, if_match: str | None, record: IdempotencyRecord | None) -> Released:
    draft = next_draft(trail, Authority(trail), trail.target, split(body), if_match)
    change = change_to(trail, Action.UPDATE, draft)
    trail.target = change.target
    apply(trail, [change], record, conditional=if_match is not None)
    return written(draft, change)


def next_draft(
    trail: Trail, authority: Authority, target: Target, body: Mapping[str, bytes], if_match: str | None
) -> Draft:
    """The next version that the caller may make of the newest one. What they can't see is unsealed only to be
    sealed again under the next version."""
    kind = target.resource
    sent = client_members(kind, target.id, body)
    current = trail.records.store.read(trail.tenant, kind, target.id)
    if current is None:
        raise NotFound(f"{kind} not found")
    owner = owner_of_sealed(trail, current)
    trail.about(patient=owner.patient)
    if current.envelope is None:
        refuse_deleted(authority, "update", current, owner.patient)
    classes = originals(current)
    rights = _rights(authority, kind, owner.patient, frozenset(classes.values()) | classes_of(kind, sent))
    check_if_match(if_match, current.version)
    members = merge(kind, open_elements(trail, current, classes), classes, sent, rights)
    if owner_of(kind, target.id, members) != owner:
        raise Unprocessable(f"{kind}: a resource stays with its subject")
    validate(kind, members)
    hidden = frozenset(name for name, data_class in classes.items() if data_class not in rights.readable)
    return Draft(kind, target.id, current.version + 1, owner, members, hidden)


def _rights(authority: Authority, type: str, patient: str, classes: frozenset[DataClass]) -> Rights:
    readable = authority.granted("read", type, patient, classes)
    writable = authority.granted("update", type, patient, classes)
    if not readable & writable:
        raise AccessDenied(f"{type}: the caller may not update it")
    return Rights(readable, writable)
