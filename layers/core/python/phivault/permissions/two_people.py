"""The rule of two people: who proposes a change never approves it, and still stands for it when another does."""

from __future__ import annotations

import time

from phivault.access.principal import Principal
from phivault.errors import AccessDenied, Conflict
from phivault.permissions.call import Call


def require_another(call: Call, proposer: str, permission: str) -> None:
    """``permission`` is what proposing takes. Raises AccessDenied where the caller is the proposer, Conflict where the
    proposer isn't active any more or may not propose any more: then one person would be left to stand for it."""
    if proposer == call.principal.user_id:
        raise AccessDenied("Another person than the one who proposed has to approve")
    if not _may(call, proposer, permission):
        raise Conflict("Who proposed this may do so no more: withdraw it and propose again")


def _may(call: Call, user_id: str, permission: str) -> bool:
    member = call.permissions.users.active(call.tenant, user_id)
    if member is None:
        return False
    # Asked of the role alone: that they proposed with a second factor and a recent sign-in was held then.
    signed_in = Principal(
        user_id=user_id,
        tenant=call.tenant,
        role=member.role,
        session_id="",
        auth_time=int(time.time()),
        source_ip="",
        patient_id=member.patient_id,
        mfa=True,
    )
    return call.permissions.decider.permits(signed_in, permission)
