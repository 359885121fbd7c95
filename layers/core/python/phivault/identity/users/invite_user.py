"""Invite somebody into one's tenant, in a role."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import partial

from phivault.audit.event import Action, RiskLevel
from phivault.identity import invitations, proposals
from phivault.identity.invitations import Invitation
from phivault.identity.proposals import Proposal
from phivault.identity.users.call import Call, changed_to
from phivault.identity.users.inputs import InviteUser
from phivault.inputs import read


def invite_user(call: Call, body: bytes) -> Invitation | Proposal:
    """Sent, once it is recorded, to somebody who will stand for nobody; any other waits for another person's approval:
    until then no token exists and no mail leaves. An administrator's, or one to a patient's record, is recorded as
    HIGH. Raises AccessDenied, InvalidInput or Unavailable, each recorded."""
    with call.failure_recorded(Action.USER_INVITE, resource="Invitation"):
        call.require("admin:users-change")
        asked = read(InviteUser, body)
        record = partial(
            call.record,
            Action.USER_INVITE,
            resource="Invitation",
            risk=RiskLevel.HIGH if asked.is_grave else None,
            patient=asked.patient_id or "",
        )
        if asked.needs_approval:
            return _propose(call, asked, partial(record, flags=(*changed_to(asked.role), "state:waiting")))
        record = partial(record, flags=changed_to(asked.role))
        by = call.principal.user_id
        return invitations.invite(call.identity, call.tenant, asked.role, None, asked.email, by, record=record)


def _propose(call: Call, asked: InviteUser, record: partial[None]) -> Proposal:
    id, by = secrets.token_hex(32), call.principal.user_id
    proposal = proposals.made(call.identity, id, call.tenant, asked.role, asked.patient_id, by)
    email = proposals.seal_email(call.identity.keys, call.tenant, id, asked.email)
    record(id)
    proposal = replace(proposal, email=email)
    call.identity.proposals.propose(proposal)
    return proposal
