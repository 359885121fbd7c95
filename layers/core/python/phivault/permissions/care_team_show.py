"""Show who cares for a patient: to members, to keepers of care teams, and to the patient."""

from __future__ import annotations

from typing import Any

from phivault.audit.event import Action
from phivault.permissions.call import Call
from phivault.permissions.care_team import about, require_sight


def show_care_team(call: Call, patient: str) -> dict[str, Any]:
    """Raises AccessDenied, NotFound or Unavailable, each recorded."""
    with call.failure_recorded(Action.CARE_TEAM_READ, **about(patient)):
        call.require("care-team:read")
        require_sight(call, patient)
        members = call.permissions.care_teams.members(call.tenant, patient)
        call.record(Action.CARE_TEAM_READ, **about(patient))
        return {"patient": patient, "members": [member.shown() for member in members]}
