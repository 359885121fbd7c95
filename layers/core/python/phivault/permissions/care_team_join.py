"""Add somebody else to a patient's care team, or change what their membership names."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import AccessDenied, Conflict
from phivault.inputs import Body
from phivault.permissions.call import Call
from phivault.permissions.care_team import MEMBERS, Membership, about, require_keeper, require_sensitive
from phivault.permissions.since import time_of


class CareTeamMember(Body):
    """``sensitive``: the membership names the sensitive class too."""

    sensitive: bool


def join_care_team(call: Call, patient: str, user_id: str, asked: CareTeamMember) -> Membership:
    """Raises AccessDenied (oneself, no member, the sensitive class), NotFound, Conflict (a role that treats nobody) or
    Unavailable, each recorded."""
    what = about(patient, user_id, sensitive=asked.sensitive)
    with call.failure_recorded(Action.CARE_TEAM_JOIN, **what):
        call.require("care-team:change")
        require_keeper(call, patient)
        if user_id == call.principal.user_id:
            raise AccessDenied("Nobody changes their own membership: ask another keeper of this care team")
        if asked.sensitive:
            require_sensitive(call, patient)
        user = call.user(user_id)
        if user.role not in MEMBERS:
            raise Conflict("Only clinicians and care coordinators stand in care teams")
        stands = call.permissions.care_teams.member(call.tenant, patient, user_id)
        since = stands.since if stands else time_of(call.permissions.now())
        membership = Membership(user_id, user.role, since, call.principal.user_id, asked.sensitive)
        call.record(Action.CARE_TEAM_JOIN, **what)
        call.permissions.care_teams.put(call.tenant, patient, membership)
        return membership
