"""Approve an invitation that another person asked for: now its token is made and sent."""

from __future__ import annotations

from phivault.audit.event import Action, RiskLevel
from phivault.identity import invitations, proposals
from phivault.identity.invitations import Invitation
from phivault.identity.users.call import Call, changed_to
from phivault.identity.users.list_invitations import waiting


def approve_invitation(call: Call, id: str) -> Invitation:
    """Sent, once it is recorded. Raises AccessDenied (one's own), NotFound, Conflict (done or withdrawn meanwhile, or
    asked for by somebody who may do so no more) or Unavailable, each recorded; after an outage ask for the invitation
    anew, for a token that may never have arrived must not lie about."""
    with call.failure_recorded(Action.USER_APPROVE, id, "Invitation"):
        call.require("admin:users-approve")
        asked, by = waiting(call, id), call.principal.user_id
        proposals.require_another(call.identity, asked, by)
        email = proposals.unseal_email(call.identity.keys, asked)

        def record(sent: str) -> None:
            flags = (*changed_to(asked.role), f"by:{asked.proposed_by}", f"proposal:{id}")
            call.record(
                Action.USER_APPROVE,
                sent,
                resource="Invitation",
                risk=RiskLevel.HIGH,
                flags=flags,
                patient=asked.patient_id or "",
            )
            call.identity.proposals.drop(asked)  # of two who approve at once, one sends

        return invitations.invite(
            call.identity,
            call.tenant,
            asked.role,
            asked.patient_id,
            email,
            asked.proposed_by,
            approved_by=by,
            record=record,
        )
