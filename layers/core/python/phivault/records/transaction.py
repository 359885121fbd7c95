"""A transaction bundle: every entry or none. FHIR R4, section 3.1.0.11.

All entries are decided and validated before any is sealed; one PUT records them, a line per resource; one database
transaction commits them. The failure of a transaction leaves one line more, about the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from phivault.audit.event import Action
from phivault.errors import AccessDenied, NotFound, PhivaultError
from phivault.records.authorise import EVERY_CLASS, Authority, owner_of
from phivault.records.bundle import Entry, Placed, assign, parse
from phivault.records.bundle_out import Version, transaction_response
from phivault.records.call import Call
from phivault.records.changes import Change, apply, change_to
from phivault.records.create import new_draft
from phivault.records.delete import deletion
from phivault.records.events import Target, Trail
from phivault.records.findings import InvalidResource
from phivault.records.idempotency import once, request_hash
from phivault.records.json_members import split
from phivault.records.open import owner_of_sealed
from phivault.records.seal import Draft
from phivault.records.service import Records
from phivault.records.store import IdempotencyRecord, SealedVersion
from phivault.records.update import next_draft


@dataclass(frozen=True, slots=True)
class Transacted:
    """``body`` is a transaction-response Bundle: places and versions, no resource. ``count`` entries were done."""

    count: int
    body: bytes = field(repr=False)


def transaction(
    records: Records, call: Call, body: bytes, *, base_url: str, idempotency_key: str | None = None
) -> Transacted:
    """Do all entries of a transaction bundle (POST, PUT, DELETE; at most 500), or none.

    Raises what the verbs raise, InvalidInput for a bundle that isn't one. Where one entry is at fault, the error
    says at which place it stands.
    """
    with Trail(records, call, Action.TRANSACTION, Target("Bundle")) as trail:
        hashed = partial(request_hash, "POST", "", body)
        versions = once(trail, idempotency_key, hashed, partial(_first, trail, body), partial(_again, trail, body))
        return Transacted(len(versions), transaction_response(versions, base_url))


def _first(trail: Trail, body: bytes, record: IdempotencyRecord | None) -> list[Version]:
    entries = parse(body)
    changes = _changes(trail, assign(entries, trail.records.new_id))
    trail.target = Target("Bundle")
    if not changes:  # nothing that would have an event of its own
        trail.record(trail.event())
    apply(trail, changes, record, conditional=any(entry.if_match for entry in entries))
    return [
        Version(method=entry.method, type=entry.type, id=change.target.id, version=change.target.version, at=change.at)
        for entry, change in zip(entries, changes, strict=True)
    ]


def _changes(trail: Trail, placed: Sequence[Placed]) -> list[Change]:
    bodies = [split(one.resource) if one.resource is not None else {} for one in placed]
    new = [one.id for one in placed if one.entry.method == "POST" and one.entry.type == "Patient"]
    authority = Authority(trail, new)
    authority.load(_patients(placed, bodies))
    decided: list[Draft | Change] = []
    for number, (one, members) in enumerate(zip(placed, bodies, strict=True)):
        with _at(number):
            decided.append(_decide(trail, authority, one, members))
    changes: list[Change] = []
    for number, made in enumerate(decided):
        with _at(number):
            changes.append(_change(trail, made) if isinstance(made, Draft) else made)
    return changes


def _change(trail: Trail, draft: Draft) -> Change:
    return change_to(trail, Action.CREATE if draft.version == 1 else Action.UPDATE, draft)


def _patients(placed: Iterable[Placed], bodies: Iterable[Mapping[str, bytes]]) -> set[str]:
    """Whom the new resources are about, so that the facts about all of them are loaded in one call."""
    patients = set()
    for number, (one, members) in enumerate(zip(placed, bodies, strict=True)):
        if one.entry.method == "POST":
            with _at(number):
                patients.add(owner_of(one.entry.type, one.id, members).patient)
    return patients


def _decide(trail: Trail, authority: Authority, one: Placed, members: Mapping[str, bytes]) -> Draft | Change:
    target = Target(one.entry.type, one.id)
    if one.entry.method == "POST":
        return new_draft(trail, authority, target, members)
    if one.entry.method == "PUT":
        return next_draft(trail, authority, target, members, one.entry.if_match)
    return deletion(trail, authority, target, one.entry.if_match)


@contextmanager
def _at(number: int) -> Iterator[None]:
    """Say where in the bundle an error of the caller's stands."""
    try:
        yield
    except InvalidResource as error:
        raise error.inside(f"Bundle.entry[{number}].resource") from None
    except PhivaultError as error:
        if error.status < 500:
            error.detail = f"Bundle.entry[{number}]: {error.detail}"
            error.args = (error.detail,)
        raise


def _again(trail: Trail, body: bytes, record: IdempotencyRecord) -> list[Version]:
    """The same answer from the versions that the first request made, each decided and recorded anew as a read."""
    authority = Authority(trail)
    made = list(record.made)
    versions, events = [], []
    for entry in parse(body):
        sealed = _made(trail, entry, made)
        patient = owner_of_sealed(trail, sealed).patient
        if not authority.granted("read", sealed.type, patient, EVERY_CLASS):
            trail.about(patient=patient)
            raise AccessDenied(f"{sealed.type}: the caller may not read it")
        target = Target(sealed.type, sealed.id, sealed.version, patient)
        events.append(trail.event(target=target, action=Action.VREAD))
        versions.append(
            Version(method=entry.method, type=sealed.type, id=sealed.id, version=sealed.version, at=sealed.at)
        )
    trail.record(*(events or [trail.event()]))
    return versions


def _made(trail: Trail, entry: Entry, made: list[tuple[str, str, int]]) -> SealedVersion:
    """The version that an entry made, taken off ``made``; for a deletion of what was deleted already, that one."""
    store, tenant = trail.records.store, trail.tenant
    if made and made[0][0] == entry.type and entry.id in (None, made[0][1]):
        sealed = store.read_version(tenant, *made.pop(0))
    else:
        sealed = store.read(tenant, entry.type, entry.id or "")
    if sealed is None:
        raise NotFound(f"{entry.type} not found")
    return sealed
