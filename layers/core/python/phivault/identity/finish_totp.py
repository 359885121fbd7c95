"""Add or replace an authenticator app while signed in, second step: its first code makes it the preferred factor.

Guessing: a secret takes TRIES codes, each also counted by the lockout, so the odds are at most 9 in 10^6 (three of a
million codes are good at a time). Who could guess is who began and was shown the secret.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.identity.add_totp import unseal
from phivault.identity.factor_deed import FactorDeed
from phivault.identity.factors import Factor
from phivault.identity.pending import account_of
from phivault.identity.users.call import Call
from phivault.inputs import Body

TRIES = 3


class FinishTotp(Body):
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", repr=False)]


def finish_totp(call: Call, body: FinishTotp) -> None:
    """Raises SignInAgain, Conflict (this session began nothing, or it is over), InvalidCredentials (a wrong code),
    TooManyRequests or Unavailable, each recorded."""
    identity, principal = call.identity, call.principal
    deed = FactorDeed(call, Action.MFA_CHANGE, Factor.SOFTWARE_TOKEN_MFA)
    with deed.failure_recorded():
        deed.require()
        email = deed.email()
        with identity.lockout.counting(account_of(identity.keys, email), call.source):
            under_way = identity.enrolments.attempt(principal.user_id, principal.session_id, TRIES)
            if under_way is None:
                raise Conflict("No authenticator app is being added: begin again")
            access_token = unseal(identity.keys, principal, under_way)
            before, _ = identity.factor_provider.factors(principal.user_id)
            deed.record()
            identity.factor_provider.verify(access_token, body.code)
        identity.enrolments.finish(principal.user_id)
        if Factor.SMS_MFA in before:
            # A phone that was asked for without any setting isn't any more once there is one: it gets a setting, too.
            identity.factor_provider.turn_on_sms(principal.user_id)
        identity.factor_provider.prefer(principal.user_id, Factor.SOFTWARE_TOKEN_MFA)
    deed.tell(email)
