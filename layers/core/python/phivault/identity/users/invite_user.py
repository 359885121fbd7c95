"""Invite somebody into one's tenant, in a role."""

from __future__ import annotations

from functools import partial

from phivault.audit.event import Action, RiskLevel
from phivault.identity import invitations
from phivault.identity.inputs import read
from phivault.identity.invitations import Invitation
from phivault.identity.users.call import Call, changed_to
from phivault.identity.users.inputs import InviteUser


def invite_user(call: Call, body: bytes) -> Invitation:
    """Sent, once it is recorded; an administrator's invitation, or one to a patient's record, as HIGH. Raises
    AccessDenied, InvalidInput or Unavailable, each recorded."""
    with call.failure_recorded(Action.USER_INVITE, resource="Invitation"):
        call.require("admin:users-change")
        asked = read(InviteUser, body)
        record = partial(
            call.record,
            Action.USER_INVITE,
            resource="Invitation",
            risk=RiskLevel.HIGH if asked.is_grave else None,
            flags=changed_to(asked.role),
            patient=asked.patient_id or "",
        )
        return invitations.invite(
            call.identity, call.tenant, asked.role, asked.patient_id, asked.email, call.principal.user_id, record=record
        )
