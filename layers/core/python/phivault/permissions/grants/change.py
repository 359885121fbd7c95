"""Propose other terms for a grant that holds. Until another person approved them, those that hold go on."""

from __future__ import annotations

from dataclasses import replace

from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.inputs import read
from phivault.permissions.call import Call
from phivault.permissions.grants.called import (
    PROPOSE,
    RESOURCE,
    found,
    record,
    refuse_grantee,
    require_changeable,
    require_grantable,
    waiting,
)
from phivault.permissions.grants.state import Grant, Terms
from phivault.permissions.grants.terms import ChangeGrant, terms_of


def change_grant(call: Call, id: str, body: bytes) -> Grant:
    """Raises AccessDenied (one's own, too), InvalidInput, NotFound, Unprocessable, Conflict (it doesn't hold, a version
    waits already, or another than ``base_version`` holds) or Unavailable, each recorded."""
    with call.failure_recorded(Action.GRANT_PROPOSE, resource=RESOURCE, resource_id=id):
        call.require(PROPOSE)
        asked, grant = read(ChangeGrant, body), found(call, id)
        if require_changeable(call, grant).version != asked.base_version:
            raise Conflict("Another version of this grant holds: look at it and propose again")
        return let_wait(call, grant, terms_of(grant.kind, asked, int(call.permissions.now())))


def let_wait(call: Call, grant: Grant, terms: Terms, restores: int = 0) -> Grant:
    """Check, record and keep a further version, proposed by the caller."""
    refuse_grantee(call, grant)
    require_grantable(call, grant, terms)
    version = waiting(call, grant, terms, restores)
    record(call, Action.GRANT_PROPOSE, grant, version)
    call.permissions.grants.wait(call.tenant, grant, version)
    return replace(grant, latest=version.version, waiting=version)
