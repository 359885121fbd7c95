"""Withdraw proposed policies: whoever proposed them, or may approve policies."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.permissions.call import Call
from phivault.permissions.policies.called import APPROVE, PROPOSE, RESOURCE, about, open_proposal


def withdraw_policies(call: Call, id: str) -> None:
    """Raises AccessDenied, NotFound, Conflict (approved or withdrawn at this moment) or Unavailable, each recorded."""
    with call.failure_recorded(Action.POLICY_WITHDRAW, resource=RESOURCE, resource_id=id):
        proposer = call.permissions.decider.permits(call.principal, PROPOSE)
        if not proposer:
            call.require(APPROVE)
        proposal = open_proposal(call, id)
        if proposal.proposed_by != call.principal.user_id:
            call.require(APPROVE)
        call.record(Action.POLICY_WITHDRAW, **about(proposal))
        call.permissions.policies.withdraw(call.tenant, proposal)
