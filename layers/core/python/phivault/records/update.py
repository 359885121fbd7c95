"""Update a resource: authorize, merge, validate, classify, seal, record, commit, in this order.

An update of an id that was never used is 404 (ids are given by the server) and of a deleted resource 410: a
deletion stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from phivault.audit.event import Action
from phivault.errors import AccessDenied, NotFound, Unprocessable
from phivault.phi.data_class import DataClass
from phivault.records import consent_rules
from phivault.records.address import address
from phivault.records.anchors import newest
from phivault.records.authorise import EVERY_CLASS, Authority, Owner, owner_of
from phivault.records.call import Call
from phivault.records.changes import apply, change_to
from phivault.records.create import answer_again
from phivault.records.etag import check_if_match
from phivault.records.events import Target, Trail
from phivault.records.fhir_meta import client_members
from phivault.records.general_names import is_general
from phivault.records.idempotency import once, request_hash
from phivault.records.json_members import split
from phivault.records.merge import Rights, judged, merge, settle
from phivault.records.open import classes_in, open_elements, originals, owner_of_sealed
from phivault.records.references import require_contained, standing_references
from phivault.records.released import Released, refuse_deleted, written
from phivault.records.seal import Draft
from phivault.records.service import Records
from phivault.records.shape import require_whole
from phivault.records.store import IdempotencyRecord, SealedVersion
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
    authority = Authority(trail)
    draft = next_draft(trail, authority, trail.target, split(body), if_match)
    change = change_to(trail, Action.UPDATE, draft)
    trail.target = change.target
    apply(trail, [change], record, conditional=if_match is not None, authority=authority)
    return written(draft, change)


def next_draft(
    trail: Trail, authority: Authority, target: Target, body: Mapping[str, bytes], if_match: str | None
) -> Draft:
    """The next version that the caller may make of the newest one."""
    sent = client_members(target.resource, target.id, body)
    require_whole(body)
    return successor(trail, target, standing(trail, authority, target, if_match), sent)


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest version of a resource that the caller may update, opened. Prints without its members."""

    sealed: SealedVersion
    owner: Owner
    classes: Mapping[str, DataClass]
    rights: Rights
    opened: Mapping[str, bytes] = field(repr=False)

    @property
    def hidden(self) -> frozenset[str]:
        """The members that the caller can't see."""
        return frozenset(name for name, kind in self.classes.items() if kind not in self.rights.readable)


def standing(trail: Trail, authority: Authority, target: Target, if_match: str | None) -> Standing:
    """What stands, for a caller who may change something of it. What they can't see is unsealed only to be sealed again
    under the next version. Raises NotFound, Gone, AccessDenied or PreconditionFailed."""
    kind = target.resource
    current = newest(trail, kind, target.id)
    if current is None:
        raise NotFound(f"{kind} not found")
    owner = owner_of_sealed(trail, current)
    trail.about(patient=owner.patient)
    if current.envelope is None:
        refuse_deleted(authority, "update", current, owner.patient)
    classes = originals(current)
    rights = _rights(authority, kind, owner.patient, current)
    check_if_match(if_match, current.version)
    return Standing(current, owner, classes, rights, open_elements(trail, current, classes))


def successor(
    trail: Trail, target: Target, stands: Standing, sent: Mapping[str, bytes], *, keeps_meta: bool = True
) -> Draft:
    """The version after the one that stands: of what was sent, what the caller may change, and valid FHIR.
    ``keeps_meta`` says that a ``meta`` left out is left to the server."""
    kind, rights = target.resource, stands.rights
    members = merge(kind, stands.opened, stands.classes, sent, rights, keeps_meta=keeps_meta)
    at_least = settle(kind, stands.opened, stands.classes, members, rights)
    if owner_of(kind, target.id, members) != stands.owner:
        raise Unprocessable(f"{kind}: a resource stays with its subject")
    validate(kind, judged(stands.opened, members, stands.hidden))
    require_contained(stands.opened, members, stands.hidden)
    consent_rules.check(trail, kind, target.id, stands.owner.patient, members)
    stood = frozenset(standing_references(stands.opened, stands.hidden))
    return Draft(kind, target.id, stands.sealed.version + 1, stands.owner, members, stands.hidden, at_least, stood)


def _rights(authority: Authority, type: str, patient: str, current: SealedVersion) -> Rights:
    """What the caller may read and update of any class, provided that something of the newest version is among it."""
    readable = authority.granted("read", type, patient, EVERY_CLASS)
    writable = authority.granted("update", type, patient, EVERY_CLASS)
    kinds = {kind for name, kind in classes_in(current).items() if not is_general(name)}
    if not readable & writable & kinds:
        raise AccessDenied(f"{type}: the caller may not update it")
    return Rights(readable, writable)
