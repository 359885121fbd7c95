"""Which second factor sign-in asks for first."""

from __future__ import annotations

from pydantic import Field

from phivault.audit.event import Action
from phivault.errors import Unprocessable
from phivault.identity.factor_deed import FactorDeed
from phivault.identity.factors import Factor
from phivault.identity.service import Identity
from phivault.identity.users.call import Call
from phivault.inputs import Body


class PreferFactor(Body):
    preferred: Factor = Field(strict=False)  # JSON has no enumerations: the text must be one of the names


def prefer_factor(call: Call, body: PreferFactor) -> None:
    """Text messages may be turned on by this where the number was verified at sign-up. Raises SignInAgain,
    Unprocessable (the user doesn't have that factor) or Unavailable, each recorded."""
    identity, user_id = call.identity, call.principal.user_id
    deed = FactorDeed(call, Action.MFA_CHANGE, body.preferred)
    with deed.failure_recorded():
        deed.require()
        email = deed.email()
        enabled, _ = identity.factor_provider.factors(user_id)
        new = body.preferred not in enabled
        if new and not _may_turn_on(identity, user_id, body.preferred):
            raise Unprocessable("preferred: this factor isn't yours, enrol it first")
        deed.record()
        if new:
            identity.factor_provider.turn_on_sms(user_id)
        identity.factor_provider.prefer(user_id, body.preferred)
    deed.tell(email)


def _may_turn_on(identity: Identity, user_id: str, factor: Factor) -> bool:
    # An app that was lost and removed is still known to the provider: only a new enrolment brings an app back.
    return factor is Factor.SMS_MFA and identity.factors.factors(user_id).phone_verified
