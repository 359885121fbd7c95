"""Delete a resource: authorize, record, commit a deletion as its next version.

Earlier versions stay in the history, sealed, until the subject's key is destroyed. Resources that refer to a deleted
one keep doing so (FHIR R4 3.1.0.7 lets a server choose): their data isn't the deleter's. Deleting what is deleted
succeeds and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from phivault.audit.event import Action
from phivault.errors import AccessDenied, NotFound
from phivault.phi.data_class import DataClass
from phivault.records.address import address
from phivault.records.anchors import newest
from phivault.records.authorise import EVERY_CLASS, Authority
from phivault.records.call import Call
from phivault.records.changes import Change, apply
from phivault.records.etag import check_if_match
from phivault.records.events import Target, Trail
from phivault.records.idempotency import once, request_hash
from phivault.records.open import originals, owner_of_sealed
from phivault.records.service import Records
from phivault.records.store import IdempotencyRecord, SealedVersion

_BARE = frozenset({DataClass.ADMINISTRATIVE})
"""What a resource without elements holds: that it is there."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deletion, and the version under which it stands."""

    type: str
    id: str
    version: int


def delete(
    records: Records, call: Call, type: str, id: str, *, if_match: str | None = None, idempotency_key: str | None = None
) -> Deleted:
    """Delete the resource, or find it deleted.

    Raises AccessDenied (an element that the caller may not delete), NotFound, PreconditionFailed, Conflict,
    Unprocessable (Idempotency-Key of another request) or Unavailable; then nothing is written.
    """
    with Trail(records, call, Action.DELETE, address(type, id)) as trail:
        hashed = partial(request_hash, "DELETE", f"{type}/{id}", b"")
        return once(trail, idempotency_key, hashed, partial(_first, trail, if_match), partial(_again, trail))


def _first(trail: Trail, if_match: str | None, record: IdempotencyRecord | None) -> Deleted:
    change = deletion(trail, Authority(trail), trail.target, if_match)
    trail.target = change.target
    apply(trail, [change], record, conditional=if_match is not None)
    return Deleted(change.target.resource, change.target.id, change.target.version)


def _again(trail: Trail, _: IdempotencyRecord) -> Deleted:
    # What is deleted stays deleted, so the repeat is a second deletion: decided and recorded, nothing written.
    return _first(trail, None, None)


def deletion(trail: Trail, authority: Authority, target: Target, if_match: str | None) -> Change:
    """The deletion that the caller may make: every class that the resource holds must be granted."""
    kind = target.resource
    current = newest(trail, kind, target.id)
    if current is None:
        raise NotFound(f"{kind} not found")
    patient = owner_of_sealed(trail, current).patient
    trail.about(patient=patient)
    if current.envelope is None:
        if not authority.granted("delete", kind, patient, EVERY_CLASS):
            raise AccessDenied(f"{kind}: the caller may not delete it")
        target = Target(kind, target.id, current.version, patient)
        return Change(target, current.at, trail.event(action=Action.DELETE, target=target), None)
    held = frozenset(originals(current).values()) or _BARE
    if authority.granted("delete", kind, patient, held) != held:
        # Which elements it has isn't named: of what the caller can't see that already tells (deceasedDateTime).
        raise AccessDenied(f"{kind}: the caller may not delete it")
    check_if_match(if_match, current.version)
    target = Target(kind, target.id, current.version + 1, patient)
    write = SealedVersion(kind, target.id, target.version, current.subject, trail.records.now(), None)
    return Change(target, write.at, trail.event(action=Action.DELETE, target=target), write)
