"""Cancel a reset of second factors at any time before it is used: by an administrator, an officer or the user."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.identity.users.call import Call


def cancel_mfa_reset(call: Call, user_id: str) -> None:
    """Raises AccessDenied, NotFound, Conflict (used at this moment) or Unavailable, each recorded."""
    with call.failure_recorded(Action.MFA_RESET_CANCEL, user_id):
        call.require("admin:mfa-reset")
        call.user(user_id)
        _drop(call, user_id)


def cancel_own_mfa_reset(call: Call) -> None:
    """The same for the signed-in user, who needs no recent sign-in to refuse what was asked in their name."""
    with call.failure_recorded(Action.MFA_RESET_CANCEL, call.principal.user_id):
        call.require("me:read")
        _drop(call, call.principal.user_id)


def _drop(call: Call, user_id: str) -> None:
    reset = call.identity.mfa_resets.reset(user_id)
    if reset is None or reset.tenant != call.tenant:
        raise NotFound("No reset was asked for")
    call.record(Action.MFA_RESET_CANCEL, user_id)
    call.identity.mfa_resets.drop(reset)
