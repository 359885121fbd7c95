"""Change a user's role, or which patient they stand for. It holds at once: their sessions end."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.identity.directory import Status
from phivault.identity.inputs import read
from phivault.identity.users.access import end_access
from phivault.identity.users.call import Call, changed_to
from phivault.identity.users.inputs import ChangeRole


def change_role(call: Call, user_id: str, body: bytes) -> int:
    """How many sessions were ended. Raises AccessDenied (one's own role), NotFound, InvalidInput, Conflict (the last
    administrator; somebody offboarded) or Unavailable, each recorded; after an outage, ask again.

    In between no tokens are good: they name what the directory doesn't, so that they open no session.
    """
    with call.failure_recorded(Action.USER_ROLE, user_id):
        call.require("admin:users-change")
        user = call.other(user_id)
        asked = read(ChangeRole, body)
        if user.status is Status.OFFBOARDED:
            raise Conflict("This user's access was ended for good")
        patient = asked.patient_id or user.patient_id or ""
        call.record(Action.USER_ROLE, user_id, flags=changed_to(asked.role, user.role), patient=patient)
        call.identity.directory.change_role(call.tenant, user_id, asked.role, asked.patient_id)
        ended = end_access(call.identity, user_id, disable=False)
        call.identity.user_admin.set_role(user_id, asked.role, asked.patient_id)
        return ended
