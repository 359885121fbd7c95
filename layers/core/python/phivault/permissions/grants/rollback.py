"""Propose the terms of an earlier version of a grant that holds."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.inputs import read
from phivault.permissions.call import Call
from phivault.permissions.grants.called import PROPOSE, RESOURCE, found, require_changeable
from phivault.permissions.grants.change import let_wait
from phivault.permissions.grants.state import Grant
from phivault.permissions.grants.terms import RollBackGrant


def roll_back_grant(call: Call, id: str, body: bytes) -> Grant:
    """Raises AccessDenied (one's own, too), InvalidInput, NotFound (no such version was approved), Unprocessable (its
    time is over), Conflict or Unavailable, each recorded."""
    with call.failure_recorded(Action.GRANT_PROPOSE, resource=RESOURCE, resource_id=id):
        call.require(PROPOSE)
        version, grant = read(RollBackGrant, body).version, found(call, id)
        require_changeable(call, grant)
        earlier = call.permissions.grants.version(call.tenant, id, version)
        if earlier is None:
            raise NotFound("No such version of this grant was approved")
        return let_wait(call, grant, earlier.terms, restores=version)
