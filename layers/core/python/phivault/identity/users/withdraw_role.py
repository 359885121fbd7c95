"""Withdraw what was asked for as a user's role, until it is approved."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.identity.users.approve_role import pending
from phivault.identity.users.call import Call


def withdraw_role(call: Call, user_id: str) -> None:
    """Raises AccessDenied, NotFound, Conflict (approved at this moment) or Unavailable, each recorded."""
    with call.failure_recorded(Action.USER_ROLE, user_id):
        call.require("admin:users-change")
        user, asked = call.user(user_id), pending(call, user_id)
        call.record(Action.USER_ROLE, user_id, flags=("state:withdrawn",), patient=user.patient_id or "")
        call.identity.proposals.drop(asked)
