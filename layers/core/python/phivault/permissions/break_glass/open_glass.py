"""Break the glass for one patient: recorded as CRITICAL, which alerts, before it opens."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.audit.event import Action
from phivault.errors import AccessDenied, Conflict
from phivault.ids import uuid7
from phivault.inputs import Body
from phivault.permissions.break_glass.glass import (
    MOST_ACTIVE,
    MOST_UNREVIEWED,
    OPEN_SECONDS,
    REVIEW_SECONDS,
    Glass,
    Openings,
    Reason,
)
from phivault.permissions.break_glass.note import Note, sealed
from phivault.permissions.call import Call
from phivault.permissions.inputs import OpaqueId

_EMERGENCY = Purpose(PurposeOfUse.EMERGENCY, asserted=True)


class OpenGlass(Body):
    """``patient`` is a bare FHIR id."""

    patient: OpaqueId
    reason: Reason
    note: Note | None = Field(default=None, repr=False)


def open_glass(call: Call, asked: OpenGlass) -> Glass:
    """Raises AccessDenied (a review of an earlier one is overdue), NotFound, Conflict (one is active for this patient,
    three are, or a hundred wait for their reviews), Gone (a note about an erased patient) or Unavailable, each
    recorded."""
    id, who = uuid7(), call.principal
    what: dict[str, Any] = {
        "resource": "BreakGlass",
        "resource_id": id,
        "patient": asked.patient,
        "purpose": _EMERGENCY.of_use.value,
        "purpose_asserted": True,
        "flags": (f"reason:{asked.reason}",),
    }
    with call.failure_recorded(Action.BREAK_GLASS_OPEN, **what):
        call.require("break-glass:open")
        now = int(call.permissions.now())
        openings = _openings(call, now)
        patient = call.patient(asked.patient)
        if call.permissions.facts.load(who, _EMERGENCY, [patient])[patient].emergency:
            raise Conflict("You broke the glass for this patient already, and it lasts")
        glass = Glass(
            id=id,
            tenant=call.tenant,
            patient=patient,
            user_id=who.user_id,
            role=who.role,
            reason=asked.reason,
            opened=now,
            until=now + OPEN_SECONDS,
            review_due=now + REVIEW_SECONDS,
            note=sealed(call, id, patient, asked.note),
        )
        call.record(Action.BREAK_GLASS_OPEN, **what)
        call.permissions.glasses.open(glass, openings)
        return glass


def _openings(call: Call, now: int) -> Openings:
    openings = call.permissions.glasses.openings(call.tenant, call.principal.user_id)
    if openings.is_suspended(now):
        raise AccessDenied("A review of a glass that you broke is overdue: ask a privacy or security officer for it")
    if openings.active(now) >= MOST_ACTIVE:
        raise Conflict(f"You have {MOST_ACTIVE} open: end one before you break another")
    if len(openings.due) >= MOST_UNREVIEWED:
        raise Conflict(f"{MOST_UNREVIEWED} that you broke wait for their reviews: ask an officer for some first")
    return openings
