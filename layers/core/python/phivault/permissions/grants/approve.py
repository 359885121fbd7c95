"""Approve what another person proposed about a grant: from the answer on it holds for every request."""

from __future__ import annotations

from dataclasses import replace

from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.inputs import read
from phivault.permissions.call import Call
from phivault.permissions.grants.called import (
    APPROVE,
    PROPOSE,
    RESOURCE,
    about,
    found,
    record,
    refuse_grantee,
    require_grantable,
)
from phivault.permissions.grants.state import Grant, State, Waiting
from phivault.permissions.grants.terms import ApproveGrant
from phivault.permissions.two_people import require_another


def approve_grant(call: Call, id: str, body: bytes) -> Grant:
    """Raises AccessDenied (one's own proposal, or a grant to oneself), InvalidInput, NotFound, Unprocessable (it may be
    granted no more), Conflict (that version doesn't wait, or its proposer may propose no more) or Unavailable, each
    recorded."""
    with call.failure_recorded(Action.GRANT_APPROVE, resource=RESOURCE, resource_id=id):
        call.require(APPROVE)
        version, grant = read(ApproveGrant, body).version, found(call, id)
    with call.failure_recorded(Action.GRANT_APPROVE, **about(grant, grant.waiting)):
        waits = _waits(call, grant, version)
        refuse_grantee(call, grant)
        require_another(call, waits.proposed_by, PROPOSE)
        require_grantable(call, grant, waits.terms)
        record(call, Action.GRANT_APPROVE, grant, waits)
        now = int(call.permissions.now())
        call.permissions.grants.approve(call.tenant, grant, call.principal.user_id, now)
        return replace(grant, state=State.ACTIVE, holds=waits.approved(call.principal.user_id, now), waiting=None)


def _waits(call: Call, grant: Grant, version: int) -> Waiting:
    now = call.permissions.now()
    waits = grant.waiting_at(now)
    if grant.state_at(now) not in (State.PROPOSED, State.ACTIVE) or waits is None or waits.version != version:
        raise Conflict("This version doesn't wait for an approval: look at the grant again")
    return waits
