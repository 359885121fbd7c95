"""What the verbs about policies share: how a proposal is found and recorded."""

from __future__ import annotations

from typing import Any, Final

from phivault.errors import NotFound
from phivault.permissions.call import OPAQUE_ID, Call
from phivault.permissions.policies.state import Proposal

PROPOSE: Final = "admin:policies-propose"
APPROVE: Final = "admin:policies-approve"
RESOURCE: Final = "Policies"


def about(proposal: Proposal) -> dict[str, Any]:
    """The fields of an event about a proposal. Its version is the one that it would become; ``envelope`` holds the
    text's SHA-256, so that the log tells which policies held when, without holding them."""
    restores = () if proposal.restores is None else (f"restores:{proposal.restores}",)
    return {
        "resource": RESOURCE,
        "resource_id": proposal.id,
        "version": proposal.base + 1,
        "envelope": proposal.sha256,
        "flags": (f"by:{proposal.proposed_by}", *restores),
    }


def open_proposal(call: Call, id: str) -> Proposal:
    """Raises NotFound for what isn't an open proposal of the caller's tenant."""
    open_ones = call.permissions.policies.proposals(call.tenant) if OPAQUE_ID.fullmatch(id) else ()
    for proposal in open_ones:
        if proposal.id == id:
            return proposal
    raise NotFound("There is no such proposal")
