"""What a write does once it is allowed, valid and sealed: record, then commit, all of it or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from phivault.audit.event import Action, AuditEvent
from phivault.errors import Conflict, PreconditionFailed
from phivault.records import anchors
from phivault.records.authorise import Authority
from phivault.records.events import Target, Trail
from phivault.records.idempotency import Reference, Repeated, commit
from phivault.records.reach import require_within_reach
from phivault.records.references import seen_references
from phivault.records.seal import Draft, classes_of, seal
from phivault.records.store import Absent, IdempotencyRecord, SealedVersion


@dataclass(frozen=True, slots=True)
class Change:
    """One resource of a write. ``write`` is None where nothing is left to do (a second deletion). Of ``references``,
    those that ``stood`` led there before."""

    target: Target
    at: datetime
    event: AuditEvent
    write: SealedVersion | None
    references: tuple[Reference, ...] = ()
    stood: frozenset[Reference] = frozenset()


def change_to(trail: Trail, action: Action, draft: Draft) -> Change:
    """Seal a draft. Its event says which classes go back to the caller, and the hash of what is to be committed."""
    write = seal(trail, draft)
    digest = hashlib.sha256(write.envelope or b"").hexdigest()
    event = trail.event(classes_of(draft), action=action, target=draft.target, envelope=digest)
    return Change(draft.target, write.at, event, write, _references(draft), draft.stood)


def _references(draft: Draft) -> tuple[Reference, ...]:
    """The references that the caller can see. The others were checked when they were written, and an error about
    one would name what the caller can't see."""
    return seen_references(draft.members, draft.hidden)


def apply(
    trail: Trail,
    changes: Sequence[Change],
    record: IdempotencyRecord | None,
    *,
    conditional: bool,
    authority: Authority | None = None,
    absent: Sequence[Absent] = (),
    beside: Sequence[AuditEvent] = (),
) -> None:
    """Look after where the changes' references lead, record all in one object, then commit them in one transaction.

    ``conditional`` says that the caller named a version: then a lost race is PreconditionFailed, else Conflict.
    ``authority`` is the call's, which has the facts already. Nothing is committed where what must be ``absent`` is
    there (Conflict). ``beside`` are further events to record.
    """
    require_within_reach(trail, authority or Authority(trail), changes)
    trail.record(*(change.event for change in changes), *beside)
    join_new_patients(trail, changes)
    writes = [change.write for change in changes if change.write is not None]
    if not writes:
        return
    wanted = list(dict.fromkeys(reference for change in changes for reference in change.references))
    try:
        commit(trail, writes, wanted, record, absent)
    except Repeated:
        raise
    except Conflict:
        if not conditional:
            raise
        raise PreconditionFailed("Another write came first") from None
    anchors.advance(trail, writes)


def join_new_patients(trail: Trail, changes: Sequence[Change]) -> None:
    """Who creates a patient belongs to the care team, from before the patient can be read. Left behind by a failed
    commit, the membership is about an id that nobody will ever have."""
    principal = trail.call.principal
    for change in changes:
        if change.event.action is Action.CREATE and change.target.resource == "Patient":
            trail.records.facts.join_care_team(trail.tenant, change.target.id, principal.user_id, principal.role)
