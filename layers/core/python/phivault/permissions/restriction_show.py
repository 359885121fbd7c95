"""Show whether processing of a patient's record is restricted."""

from __future__ import annotations

from typing import Any

from phivault.audit.event import Action
from phivault.permissions.call import Call
from phivault.permissions.restriction import about


def show_restriction(call: Call, patient: str) -> dict[str, Any]:
    """``restriction`` is None where there is none. Raises AccessDenied, NotFound or Unavailable, each recorded."""
    with call.failure_recorded(Action.RESTRICTION_READ, **about(patient)):
        call.require("restriction:read")
        call.patient(patient)
        found = call.permissions.restrictions.restriction(call.tenant, patient)
        call.record(Action.RESTRICTION_READ, **about(patient, found))
        return {"patient": patient, "restriction": found.shown() if found else None}
