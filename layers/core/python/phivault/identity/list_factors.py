"""Which second factors one has."""

from __future__ import annotations

from dataclasses import dataclass

from phivault.audit.event import Action
from phivault.identity.factor_deed import FactorDeed
from phivault.identity.users.call import Call


@dataclass(frozen=True, slots=True)
class Own:
    """``factors`` are what sign-in may ask for, ``preferred`` what it asks for first, or nothing; ``available`` may be
    turned on without enrolment; ``recovery_codes`` is how many are left."""

    factors: tuple[str, ...]
    preferred: str
    available: tuple[str, ...]
    recovery_codes: int


def list_factors(call: Call) -> Own:
    """Raises AccessDenied or Unavailable, recorded."""
    identity, user_id = call.identity, call.principal.user_id
    deed = FactorDeed(call, Action.MFA_READ)
    with deed.failure_recorded():
        deed.require("me:read")
        names, preferred = identity.factor_provider.factors(user_id)
        kept = identity.factors.factors(user_id)
    deed.record()
    available = ("SMS_MFA",) if kept.phone_verified and "SMS_MFA" not in names else ()
    return Own(tuple(sorted(names)), preferred, available, len(kept.recovery_codes))
