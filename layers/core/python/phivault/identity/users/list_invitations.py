"""List the invitations of one's tenant that wait for approval."""

from __future__ import annotations

import re
from typing import Any

from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.identity import proposals
from phivault.identity.proposals import Proposal
from phivault.identity.users.call import RELEASED, Call
from phivault.identity.users.shown import masked

_ID = re.compile("[0-9a-f]{64}")


def list_invitations(call: Call) -> dict[str, Any]:
    """With addresses masked. Raises AccessDenied, IntegrityError or Unavailable, each recorded."""
    with call.failure_recorded(Action.USER_LIST, resource="Invitation"):
        call.require("admin:users")
        found = [each for each in call.identity.proposals.proposals(call.tenant) if each.email is not None]
        call.record(Action.USER_LIST, resource="Invitation", classes=RELEASED)
        return {"invitations": [_shown(call, each) for each in found]}


def waiting(call: Call, id: str) -> Proposal:
    """Raises NotFound for another tenant's, one that is done, withdrawn or expired."""
    found = call.identity.proposals.proposal(call.tenant, id) if _ID.fullmatch(id) else None
    if found is None:
        raise NotFound("There is no such invitation")
    return found


def _shown(call: Call, proposal: Proposal) -> dict[str, Any]:
    return proposal.shown() | {"email": masked(proposals.unseal_email(call.identity.keys, proposal))}
