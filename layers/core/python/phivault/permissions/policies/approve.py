"""Approve policies that another person proposed: from the answer on they hold for every request of the tenant."""

from __future__ import annotations

from phivault.access.validate import check_tenant_policies
from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.permissions.call import Call
from phivault.permissions.policies.called import APPROVE, PROPOSE, RESOURCE, about, open_proposal
from phivault.permissions.two_people import require_another


def approve_policies(call: Call, id: str) -> int:
    """The version that holds now. Raises AccessDenied (one's own proposal), NotFound, InvalidInput (the text breaks
    today's rules), Conflict (another version holds by now, the proposal was withdrawn or approved meanwhile, or its
    proposer may propose no more) or Unavailable, each recorded."""
    with call.failure_recorded(Action.POLICY_APPROVE, resource=RESOURCE, resource_id=id):
        call.require(APPROVE)
        store, proposal = call.permissions.policies, open_proposal(call, id)
        require_another(call, proposal.proposed_by, PROPOSE)
        if proposal.base != store.current(call.tenant):
            raise Conflict("Another version of the policies holds by now: withdraw this one and propose again")
        check_tenant_policies(proposal.text)  # by the code that will decide by it, which may be newer than the proposal
        call.record(Action.POLICY_APPROVE, **about(proposal))
        store.approve(call.tenant, proposal, call.principal.user_id, int(call.permissions.now()))
        return proposal.base + 1
