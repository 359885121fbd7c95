"""Propose a grant. It holds once another person approved it."""

from __future__ import annotations

from dataclasses import replace

from phivault.audit.event import Action
from phivault.inputs import read
from phivault.permissions.call import Call
from phivault.permissions.grants.called import (
    PROPOSE,
    RESOURCE,
    record,
    refuse_grantee,
    require_grantable,
    waiting,
)
from phivault.permissions.grants.state import Grant, State
from phivault.permissions.grants.terms import ProposeGrant, terms_of


def propose_grant(call: Call, body: bytes) -> Grant:
    """Raises AccessDenied (for oneself, too), InvalidInput, NotFound (the user or the patient), Unprocessable (see
    terms.check) or Unavailable, each recorded."""
    with call.failure_recorded(Action.GRANT_PROPOSE, resource=RESOURCE):
        call.require(PROPOSE)
        asked = read(ProposeGrant, body)
        grant = Grant(
            id=call.permissions.new_id(),
            kind=asked.kind,
            user_id=asked.user_id,
            patient=asked.patient or "",
            relation=asked.relation or "",
            project=asked.project or "",
            state=State.PROPOSED,
            latest=0,
        )
        refuse_grantee(call, grant)
        version = waiting(call, grant, terms_of(grant.kind, asked, int(call.permissions.now())))
        require_grantable(call, grant, version.terms)
        grant = replace(grant, latest=version.version, waiting=version)
        record(call, Action.GRANT_PROPOSE, grant, version)
        call.permissions.grants.add(call.tenant, grant)
        return grant
