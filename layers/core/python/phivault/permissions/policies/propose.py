"""Propose policies in place of the tenant's present ones. They hold once another person approved them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from phivault.access.validate import MAX_BYTES, check_tenant_policies
from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.inputs import Body, read
from phivault.permissions.call import Call
from phivault.permissions.inputs import Version
from phivault.permissions.policies.called import PROPOSE, RESOURCE, about
from phivault.permissions.policies.state import LIFETIME_SECONDS, Proposal


class ProposePolicies(Body):
    """``text`` is Cedar, all of the tenant's policies; ``base_version`` the version that it replaces, 0 for none."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_BYTES, repr=False)]
    base_version: Version


def propose_policies(call: Call, body: bytes) -> Proposal:
    """Raises AccessDenied, InvalidInput (what check_tenant_policies refuses), Conflict (another version holds
    by now; too many proposals are open) or Unavailable, each recorded."""
    with call.failure_recorded(Action.POLICY_PROPOSE, resource=RESOURCE):
        call.require(PROPOSE)
        wanted = read(ProposePolicies, body)
        return keep(call, wanted.text, wanted.base_version)


def keep(call: Call, text: str, base: int, restores: int | None = None) -> Proposal:
    """Check, record and keep a proposal of the caller's."""
    ids = tuple(id for id, _ in check_tenant_policies(text))
    if base != call.permissions.policies.current(call.tenant):
        raise Conflict("Another version of the policies holds by now: look at it and propose again")
    now = int(call.permissions.now())
    proposal = Proposal(
        id=call.permissions.new_id(),
        base=base,
        text=text,
        ids=ids,
        proposed_by=call.principal.user_id,
        proposed=now,
        expires=now + LIFETIME_SECONDS,
        restores=restores,
    )
    call.record(Action.POLICY_PROPOSE, **about(proposal))
    call.permissions.policies.propose(call.tenant, proposal)
    return proposal
