"""Approve another role of a user, which somebody else asked for. It holds at once: the user's sessions end."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from phivault.audit.event import Action
from phivault.errors import Conflict, NotFound
from phivault.identity import proposals
from phivault.identity.directory import Status
from phivault.identity.proposals import Proposal
from phivault.identity.users.access import end_access
from phivault.identity.users.call import Call, changed_to


def approve_role(call: Call, user_id: str) -> int:
    """How many sessions were ended. Raises AccessDenied (oneself, or one's own request), NotFound, Conflict (the last
    administrator; somebody offboarded; withdrawn meanwhile, or asked for by somebody who may do so no more) or
    Unavailable, each recorded; after an outage, approve again.

    In between no tokens are good: they name what the directory doesn't, so that they open no session.
    """
    with call.failure_recorded(Action.USER_APPROVE, user_id):
        call.require("admin:users-approve")
        user, asked = call.other(user_id), pending(call, user_id)
        proposals.require_another(call.identity, asked, call.principal.user_id)
        if user.status is Status.OFFBOARDED:
            raise Conflict("This user's access was ended for good")
        flags = (*changed_to(asked.role, user.role), f"by:{asked.proposed_by}")
        call.record(Action.USER_APPROVE, user_id, flags=flags, patient=asked.patient_id or user.patient_id or "")
        approved = replace(asked, approved_by=call.principal.user_id)
        call.identity.proposals.approve(approved)
        call.identity.directory.change_role(call.tenant, user_id, asked.role, asked.patient_id)
        ended = end_access(call.identity, user_id, disable=False)
        call.identity.user_admin.set_role(user_id, asked.role, asked.patient_id)
        with suppress(Conflict):  # two who approved at once made the same change
            call.identity.proposals.drop(approved)
        return ended


def pending(call: Call, user_id: str) -> Proposal:
    """Raises NotFound where no other role was asked for."""
    found = call.identity.proposals.proposal(call.tenant, user_id)
    if found is None:
        raise NotFound("No other role was asked for")
    return found
