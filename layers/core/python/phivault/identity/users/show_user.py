"""Show one user: who they are, and whether a reset of their factors or another role is under way."""

from __future__ import annotations

from typing import Any

from phivault.audit.event import Action
from phivault.identity.users.call import RELEASED, Call
from phivault.identity.users.shown import shown


def show_user(call: Call, user_id: str) -> dict[str, Any]:
    """Raises AccessDenied, NotFound or Unavailable, each recorded."""
    with call.failure_recorded(Action.USER_READ, user_id):
        call.require("admin:users")
        user = call.user(user_id)
        reset = call.identity.mfa_resets.reset(user_id)
        asked = call.identity.proposals.proposal(call.tenant, user_id)
        call.record(Action.USER_READ, user_id, classes=RELEASED, patient=user.patient_id or "")
        under_way = {"mfa_reset": reset.shown() if reset else None, "role_change": asked.shown() if asked else None}
        return shown(user, call.address(user)) | under_way
