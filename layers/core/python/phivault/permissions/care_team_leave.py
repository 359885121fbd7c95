"""Leave a patient's care team, or take somebody out of it; it holds for their next request."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.permissions.call import OPAQUE_ID, Call
from phivault.permissions.care_team import about, require_keeper


def leave_care_team(call: Call, patient: str, user_id: str) -> None:
    """Raises AccessDenied, NotFound or Unavailable, each recorded.

    The last member may leave too: to hold somebody in a team so that it isn't empty would keep a record open to one who
    treats the patient no more. Coordinators and privacy officers may always put somebody in.
    """
    what = about(patient, user_id)
    with call.failure_recorded(Action.CARE_TEAM_LEAVE, **what):
        call.require("care-team:change")
        require_keeper(call, patient)
        # Not whether they are an active user: who was suspended can be taken out.
        if not OPAQUE_ID.fullmatch(user_id) or not call.permissions.care_teams.member(call.tenant, patient, user_id):
            raise NotFound("There is no such member")
        call.record(Action.CARE_TEAM_LEAVE, **what)
        call.permissions.care_teams.remove(call.tenant, patient, user_id)
