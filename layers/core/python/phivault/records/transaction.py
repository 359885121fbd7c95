"""A transaction bundle: every write or none. FHIR R4, section 3.1.0.11.

All writes are decided and validated before any is sealed; one PUT records them, a line per resource; one database
transaction commits them. The failure of a transaction leaves one line more, about the whole. Reads come after the
writes, as the specification orders them, and see what they made; a read that is refused is answered so in its place,
since what is committed stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from phivault.audit.event import Action, AuditEvent
from phivault.errors import AccessDenied, Conflict, NotFound, PhivaultError
from phivault.records.anchors import expect
from phivault.records.authorise import Authority, owner_of
from phivault.records.bundle import Entry, Placed, assign, entries_of, opened
from phivault.records.bundle_out import Reply, Version, transaction_response
from phivault.records.call import Call
from phivault.records.changes import Change, apply
from phivault.records.conditions import Found, look_for, refuse_own, whole
from phivault.records.entries import Room, decide, reads, seal_write, version_of
from phivault.records.events import Target, Trail
from phivault.records.findings import InvalidResource
from phivault.records.idempotency import Repeated, once, request_hash
from phivault.records.open import held, owner_of_sealed
from phivault.records.released import View, reveal
from phivault.records.seal import Draft
from phivault.records.service import Records
from phivault.records.store import IdempotencyRecord

type Answers = dict[int, Version | Reply]
"""By the numbers of entries."""


@dataclass(frozen=True, slots=True)
class Transacted:
    """``body`` is a Bundle of answers to ``count`` entries."""

    count: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a bundle is to be answered. ``prefer`` says what of a write goes back: minimal (nothing but its place),
    representation or OperationOutcome."""

    base_url: str
    prefer: str = "minimal"
    room: Room = field(default_factory=Room)


def transaction(
    records: Records,
    call: Call,
    body: bytes,
    *,
    base_url: str,
    idempotency_key: str | None = None,
    prefer: str = "minimal",
) -> Transacted:
    """Do all writes of a transaction bundle (POST, PUT, PATCH, DELETE) or none, then its reads; at most 500 entries.

    Raises what the verbs raise, InvalidInput for a bundle that isn't one. Where one entry is at fault, the error
    says at which place it stands.
    """
    with Trail(records, call, Action.TRANSACTION, Target("Bundle")) as trail:
        _, raw = opened(body, "transaction")
        return transact(trail, raw, body, Asked(base_url, prefer), idempotency_key)


def transact(trail: Trail, raw: Sequence[bytes], body: bytes, asked: Asked, key: str | None) -> Transacted:
    """The same inside a call's trail; ``raw`` are the texts of the entries of ``body``."""
    entries = entries_of(raw)
    hashed = partial(request_hash, "POST", "", body)
    first, again = partial(_first, trail, entries, asked), partial(_again, trail, entries)
    answers = once(trail, key, hashed, first, again)
    asked_for = {number: entry for number, entry in enumerate(entries) if entry.method == "GET"}
    answers |= reads(trail, asked_for, asked.base_url, asked.room)
    return Transacted(
        len(entries), transaction_response([answers[number] for number in range(len(entries))], asked.base_url)
    )


def _first(trail: Trail, entries: Sequence[Entry], asked: Asked, record: IdempotencyRecord | None) -> Answers:
    try:
        return _attempt(trail, entries, asked, record)
    except Repeated:
        raise
    except Conflict:
        if not any(entry.if_none_exist for entry in entries):
            raise
        return _attempt(trail, entries, asked, record)  # somebody made what wasn't there: look again, once


def _attempt(trail: Trail, entries: Sequence[Entry], asked: Asked, record: IdempotencyRecord | None) -> Answers:
    trail.attempt()
    authority = Authority(trail)
    found = look_for(trail, authority, entries, at)
    ids = {number: view.sealed.id for number, view in found.views.items()}
    placed = assign(entries, trail.records.new_id, ids, found.references)
    writes = {
        number: one for number, one in enumerate(placed) if one.entry.method != "GET" and number not in found.views
    }
    drafts = _decided(trail, authority, writes)
    trail.records.keys.prepare(trail.tenant, [d.owner.subject for d in drafts.values() if isinstance(d, Draft)])
    changes: dict[int, Change] = {}
    for number, draft in drafts.items():
        with at(number):
            changes[number] = seal_write(trail, draft)
    trail.target = Target("Bundle")
    refuse_own(whole(drafts, changes), found.absent, at)
    beside = [
        *found.events,
        *(trail.event(view.classes, target=view.target, action=Action.READ) for view in found.views.values()),
    ]
    if not changes and not beside:  # nothing that would have an event of its own
        beside = [trail.event()]
    apply(
        trail,
        list(changes.values()),
        None if record is None else replace(record, made=_made(entries, changes, found)),
        conditional=any(entry.if_match for entry in entries),
        authority=authority,
        absent=list(found.absent.values()),
        beside=beside,
    )
    answers: Answers = {number: there(trail, view, asked) for number, view in found.views.items()}
    for number, change in changes.items():
        answers[number] = version_of(entries[number], drafts[number], change, asked.prefer, asked.room)
    return answers


def _decided(trail: Trail, authority: Authority, writes: Mapping[int, Placed]) -> dict[int, Draft | Change]:
    """Every write, allowed and valid. The facts about all patients of new resources are loaded in one call, and so are
    the anchors of what is changed."""
    bodies = {n: one.members for n, one in writes.items() if one.entry.method in ("POST", "PUT")}
    new = [one for one in writes.values() if one.entry.method == "POST"]
    authority.creates(one.id for one in new if one.entry.type == "Patient")
    patients = set()
    for number, one in writes.items():
        if one.entry.method == "POST":
            with at(number):
                patients.add(owner_of(one.entry.type, one.id, bodies[number]).patient)
    authority.load(patients)
    expect(trail, [(one.entry.type, one.id) for one in writes.values() if one.entry.method != "POST"])
    decided = {}
    for number, one in writes.items():
        with at(number):
            decided[number] = decide(trail, authority, one, bodies.get(number, {}))
    return decided


def _made(entries: Sequence[Entry], changes: Mapping[int, Change], found: Found) -> tuple[tuple[str, str, int], ...]:
    """What a repeat is answered from, an item per write. What was there already has its version below zero."""
    made = []
    for number, entry in enumerate(entries):
        if entry.method != "GET":
            target = found.views[number].target if number in found.views else changes[number].target
            made.append((entry.type, target.id, -target.version if number in found.views else target.version))
    return tuple(made)


def there(trail: Trail, view: View, asked: Asked) -> Reply:
    """The answer to a conditional create of what is there already. Its release is on record."""
    released = reveal(trail, view)
    wanted = asked.prefer == "representation" and asked.room.takes(released.body)
    return Reply(
        status=200,
        place=f"{released.type}/{released.id}",
        version=released.version,
        at=released.at,
        resource=released.body if wanted else None,
    )


@contextmanager
def at(number: int) -> Iterator[None]:
    """Say where in the bundle an error of the caller's stands."""
    try:
        yield
    except InvalidResource as error:
        raise error.inside(f"Bundle.entry[{number}].resource") from None
    except PhivaultError as error:
        if error.status < 500 and not error.detail.startswith("Bundle.entry["):
            error.detail = f"Bundle.entry[{number}]: {error.detail}"
            error.args = (error.detail,)
        raise


def _again(trail: Trail, entries: Sequence[Entry], record: IdempotencyRecord) -> Answers:
    """The same answer from the versions that the first request made, each decided and recorded anew as a read."""
    writes = [number for number, entry in enumerate(entries) if entry.method != "GET"]
    authority = Authority(trail)
    found = {
        number: repeat(trail, authority, entries[number], made)
        for number, made in zip(writes, record.made, strict=True)
    }
    trail.target = Target("Bundle")
    trail.record(*([event for _, event in found.values()] or [trail.event()]))
    return {number: answer for number, (answer, _) in found.items()}


def repeat(
    trail: Trail, authority: Authority, entry: Entry, made: tuple[str, str, int]
) -> tuple[Version | Reply, AuditEvent]:
    """The answer to a write that was done, and the event of its release. Raises AccessDenied for whom may no longer
    read anything of it."""
    kind, id, version = made
    sealed = trail.records.store.read_version(trail.tenant, kind, id, abs(version))
    if sealed is None:
        raise NotFound(f"{kind} not found")
    patient = owner_of_sealed(trail, sealed).patient
    if not authority.granted("read", kind, patient, held(sealed)):
        trail.about(patient=patient)
        raise AccessDenied(f"{kind}: the caller may not read it")
    event = trail.event(target=Target(kind, id, sealed.version, patient), action=Action.VREAD)
    if version < 0:
        return Reply(status=200, place=f"{kind}/{id}", version=sealed.version, at=sealed.at), event
    return Version(method=entry.method, type=kind, id=id, version=sealed.version, at=sealed.at), event
