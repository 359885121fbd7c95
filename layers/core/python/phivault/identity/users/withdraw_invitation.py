"""Withdraw an invitation that nobody used yet, or that waits for approval."""

from __future__ import annotations

import re

from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.identity import invitations
from phivault.identity.users.call import Call

_ID = re.compile("[0-9a-f]{64}")


def withdraw_invitation(call: Call, id: str) -> None:
    """Raises AccessDenied, NotFound (another tenant's, a used or an expired one), Conflict (sent at this moment) or
    Unavailable, each recorded."""
    with call.failure_recorded(Action.USER_UNINVITE, id, "Invitation"):
        call.require("admin:users-change")
        if not _ID.fullmatch(id):
            raise NotFound("There is no such invitation")
        asked = call.identity.proposals.proposal(call.tenant, id)
        call.record(Action.USER_UNINVITE, id, resource="Invitation")
        if asked is not None:
            call.identity.proposals.drop(asked)
        else:
            invitations.withdraw(call.identity, call.tenant, id)
