"""Ask for another role of a user, or for whom a patient stands. Another person has to approve it."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.identity import proposals
from phivault.identity.directory import Status
from phivault.identity.proposals import Proposal
from phivault.identity.users.call import Call, changed_to
from phivault.identity.users.inputs import ChangeRole
from phivault.inputs import read


def change_role(call: Call, user_id: str, body: bytes) -> Proposal:
    """What waits now; until then nothing changes (to end access at once, suspend). Raises AccessDenied (one's own
    role), NotFound, InvalidInput, Conflict (somebody offboarded; asked for already) or Unavailable, each recorded."""
    with call.failure_recorded(Action.USER_ROLE, user_id):
        call.require("admin:users-change")
        user = call.other(user_id)
        asked = read(ChangeRole, body)
        if user.status is Status.OFFBOARDED:
            raise Conflict("This user's access was ended for good")
        by = call.principal.user_id
        proposal = proposals.made(call.identity, user_id, call.tenant, asked.role, asked.patient_id, by)
        patient = asked.patient_id or user.patient_id or ""
        call.record(
            Action.USER_ROLE, user_id, flags=(*changed_to(asked.role, user.role), "state:waiting"), patient=patient
        )
        call.identity.proposals.propose(proposal)
        return proposal
