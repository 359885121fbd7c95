"""Approve a reset of second factors that somebody else asked for; it takes effect after the tenant's cooling period."""

from __future__ import annotations

from dataclasses import replace

from phivault.audit.event import Action
from phivault.errors import AccessDenied, Conflict, NotFound
from phivault.identity.directory import Status
from phivault.identity.messages import Purpose
from phivault.identity.mfa_reset import LIFETIME_SECONDS, MfaReset, may_decide
from phivault.identity.users.call import Call
from phivault.identity.users.request_mfa_reset import tell


def approve_mfa_reset(call: Call, user_id: str) -> MfaReset:
    """Raises AccessDenied (oneself, or one's own request), NotFound, Conflict (approved or cancelled meanwhile, or
    asked for by somebody who may do so no more) or Unavailable, each recorded."""
    with call.failure_recorded(Action.MFA_RESET_APPROVE, user_id):
        call.require("admin:mfa-reset")
        user = call.other(user_id)
        reset = call.identity.mfa_resets.reset(user_id)
        if reset is None or reset.tenant != call.tenant:
            raise NotFound("No reset was asked for")
        if reset.requested_by == call.principal.user_id:
            raise AccessDenied("Another person than the one who asked has to approve")
        if reset.approved_by or user.status is not Status.ACTIVE:
            raise Conflict("This reset was approved already, or the user is not active")
        if not may_decide(call.identity, call.tenant, reset.requested_by):
            raise Conflict("Who asked for this reset may do so no more: cancel it and ask again")
        effective = int(call.identity.now()) + call.identity.rules.rules(call.tenant).cooling
        approved = replace(
            reset,
            approved_by=call.principal.user_id,
            effective=effective,
            expires=effective + LIFETIME_SECONDS,
        )
        call.record(Action.MFA_RESET_APPROVE, user_id)
        tell(call, user, Purpose.MFA_RESET_APPROVED)
        call.identity.mfa_resets.approve(approved)
        return approved
