"""Ask for the reset of a user's second factors, all of which are lost. Another person has to approve it."""

from __future__ import annotations

import secrets

from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.identity.directory import Status, User
from phivault.identity.messages import Purpose, notice
from phivault.identity.mfa_reset import LIFETIME_SECONDS, MfaReset
from phivault.identity.sending import send_email
from phivault.identity.users.call import Call


def request_mfa_reset(call: Call, user_id: str) -> MfaReset:
    """Raises AccessDenied (oneself), NotFound, Conflict (asked for already; not an active user; one who can't be told)
    or Unavailable, each recorded."""
    with call.failure_recorded(Action.MFA_RESET_REQUEST, user_id):
        call.require("admin:mfa-reset")
        user = call.other(user_id)
        if user.status is not Status.ACTIVE:
            raise Conflict("This user is not active")
        if call.identity.mfa_resets.reset(user_id) is not None:
            raise Conflict("This user's reset was asked for already")
        now = int(call.identity.now())
        reset = MfaReset(
            secrets.token_hex(16), user_id, call.tenant, call.principal.user_id, now, now + LIFETIME_SECONDS
        )
        call.record(Action.MFA_RESET_REQUEST, user_id)
        tell(call, user, Purpose.MFA_RESET_REQUESTED)
        call.identity.mfa_resets.request(reset)
        return reset


def tell(call: Call, user: User, purpose: Purpose) -> None:
    """Before the step itself: none is taken that the user wasn't told of. Raises Conflict or Unavailable."""
    email = call.address(user)
    if email is None:
        raise Conflict("This user can't be told, so nothing is done behind their back")
    send_email(call.identity, email, notice(purpose), call.source, user.user_id)
