"""Create a resource: authorize, validate, classify, seal, record, commit, in this order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from phivault.audit.event import Action
from phivault.errors import AccessDenied, Conflict, Unprocessable
from phivault.phi.marking import marks
from phivault.records import consent_rules
from phivault.records.anchors import newest
from phivault.records.authorise import Authority, owner_of
from phivault.records.call import Call
from phivault.records.changes import apply, change_to
from phivault.records.events import Target, Trail
from phivault.records.fhir_meta import client_members
from phivault.records.idempotency import Repeated, once, request_hash
from phivault.records.if_none_exist import Condition, condition, existing
from phivault.records.json_members import split
from phivault.records.released import Released, release, reveal, written
from phivault.records.seal import Draft
from phivault.records.service import Records
from phivault.records.store import Absent, IdempotencyRecord
from phivault.records.types import known
from phivault.records.validate import validate


def create(records: Records, call: Call, type: str, body: bytes, *, idempotency_key: str | None = None) -> Released:
    """Version 1 of a new resource, under an id that the server gives.

    Raises InvalidInput, AccessDenied (an element that the caller may not write), Unprocessable (a reference to
    nothing, an Idempotency-Key of another request) or Unavailable; then nothing is written.
    """
    with Trail(records, call, Action.CREATE, Target(known(type))) as trail:
        hashed = partial(request_hash, "POST", type, body)
        return once(trail, idempotency_key, hashed, partial(_first, trail, body), partial(answer_again, trail))


def create_conditionally(
    records: Records, call: Call, type: str, body: bytes, if_none_exist: str, *, idempotency_key: str | None = None
) -> tuple[Released, bool]:
    """The same unless the caller sees one resource that meets ``if_none_exist``, the query of a search: then that one,
    its release recorded, and False. FHIR R4, section 3.1.0.8.1.

    Raises PreconditionFailed where they see several, and as ``create``.
    """
    with Trail(records, call, Action.CREATE, Target(known(type))) as trail:
        asked = condition(type, if_none_exist)
        hashed = partial(request_hash, "POST", f"{type}?{if_none_exist}", body)
        first = partial(_unless_there, trail, body, asked)
        return once(trail, idempotency_key, hashed, first, lambda record: (answer_again(trail, record), True))


def _unless_there(
    trail: Trail, body: bytes, asked: Condition, record: IdempotencyRecord | None
) -> tuple[Released, bool]:
    try:
        return _found_or_made(trail, body, asked, record)
    except Repeated:
        raise
    except Conflict:  # somebody made one meanwhile: look again, once
        trail.target = Target(asked.type)
        return _found_or_made(trail, body, asked, record)


def _found_or_made(
    trail: Trail, body: bytes, asked: Condition, record: IdempotencyRecord | None
) -> tuple[Released, bool]:
    view, absent = existing(trail, Authority(trail), asked)
    if view is None:
        return _first(trail, body, record, [absent]), True
    trail.target = view.target
    trail.record(trail.event(view.classes, action=Action.READ))
    return reveal(trail, view), False


def _first(trail: Trail, body: bytes, record: IdempotencyRecord | None, absent: Sequence[Absent] = ()) -> Released:
    kind, new_id = trail.target.resource, trail.records.new_id()
    authority = Authority(trail, new=[new_id] if kind == "Patient" else [])
    draft = new_draft(trail, authority, Target(kind, new_id), split(body))
    change = change_to(trail, Action.CREATE, draft)
    trail.target = change.target
    apply(trail, [change], record, conditional=False, authority=authority, absent=absent)
    return written(draft, change)


def new_draft(trail: Trail, authority: Authority, target: Target, body: Mapping[str, bytes]) -> Draft:
    """A resource that the caller may create, and that is valid FHIR."""
    kind = target.resource
    members = client_members(kind, None, body)
    owner = owner_of(kind, target.id, members)
    trail.about(patient="" if authority.is_new(owner.patient) else owner.patient)
    try:
        # To look for identifiers in text takes long: not for whoever may write none of it anyhow.
        authority.require_any("create", kind, owner.patient, members)
        found = marks(kind, members)
        authority.require_elements("create", kind, owner.patient, found.members)
    except AccessDenied:
        _refuse_unknown_patient(trail, authority, owner.patient)
        raise
    validate(kind, members)
    consent_rules.check(trail, kind, target.id, owner.patient, members)
    return Draft(kind, target.id, 1, owner, members, found=found)


def _refuse_unknown_patient(trail: Trail, authority: Authority, patient: str) -> None:
    """Who names a patient that isn't there is told so, as a read of that patient would tell them."""
    if not patient or authority.is_new(patient):
        return
    found = newest(trail, "Patient", patient)
    if found is None or found.envelope is None:
        trail.about(patient="")
        raise Unprocessable("The Patient that the resource refers to does not exist")


def answer_again(trail: Trail, record: IdempotencyRecord) -> Released:
    """Answer a repeated request by reading what it made, as a read: decided and recorded anew."""
    kind, made, version = record.made[0]
    trail.target = Target(kind, made)
    return release(trail, trail.records.store.read_version(trail.tenant, kind, made, version), Action.VREAD)
