"""Suspend a user: no session, no sign-in, until they are resumed."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.identity.directory import Status
from phivault.identity.users.access import end_access
from phivault.identity.users.call import Call


def suspend(call: Call, user_id: str) -> int:
    """How many sessions were ended. Raises AccessDenied (oneself), NotFound, Conflict (the last administrator; somebody
    offboarded) or Unavailable, each recorded; asked again, it completes what an outage left."""
    with call.failure_recorded(Action.USER_SUSPEND, user_id):
        call.require("admin:users-change")
        user = call.other(user_id)
        if user.status is Status.OFFBOARDED:
            raise Conflict("This user's access was ended for good")
        call.record(Action.USER_SUSPEND, user_id)
        if user.status is Status.ACTIVE:
            call.identity.directory.change_status(call.tenant, user_id, Status.SUSPENDED)
        return end_access(call.identity, user_id, disable=True)
