"""Back to an account whose factors are lost: the password, and a recovery code or a reset that two people approved, buy
the set-up of a new factor in this one sign-in, and nothing else.

Guessing a code is hopeless (80 bits); without one the password alone gets InvalidCredentials, as a wrong one does. What
is used up here is used up, also where the caller never enrols: a permission that outlived this sign-in would be a way
in for whoever has the password.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from typing import Annotated

from pydantic import AfterValidator, Field

from phivault.audit.event import Action
from phivault.errors import Conflict, InvalidCredentials, Unavailable
from phivault.identity import enrolment, inputs, mfa_reset
from phivault.identity.limits import Limit
from phivault.identity.messages import Purpose, notice
from phivault.identity.pending import account_of
from phivault.identity.provider import Challenged, ChallengeName
from phivault.identity.recovery_codes import hash_of, normalised
from phivault.identity.sending import send_email
from phivault.identity.service import Attempt, Identity
from phivault.identity.session_row import milliseconds
from phivault.identity.sign_in import remember
from phivault.identity.source import Source
from phivault.inputs import Body

CODE, RESET = "RECOVERY_CODE", "MFA_RESET"


class Recover(Body):
    """Without a code it is about a reset."""

    email: inputs.Email = Field(repr=False)
    password: inputs.Password = Field(repr=False)
    recovery_code: Annotated[str, Field(max_length=64), AfterValidator(normalised)] | None = Field(
        default=None, repr=False
    )


def recover(identity: Identity, body: Recover, source: Source) -> Challenged:
    """MFA_SETUP (or NEW_PASSWORD_REQUIRED before it). Raises InvalidCredentials, TooManyRequests, AccessDenied or
    Unavailable; recorded. All factors are gone and all sessions ended once it returns."""
    attempt = Attempt(identity, Action.MFA_RECOVER, source, body.email, RESET if body.recovery_code is None else CODE)
    with attempt.failure_recorded():
        account = account_of(identity.keys, body.email)
        with identity.lockout.counting(account, source) as who:
            identity.limits.spend(Limit.SIGN_IN, account, who)
            attempt.user_id = identity.provider.initiate(body.email, body.password).user_id
            _require_proof(identity, attempt.user_id, body.recovery_code)
            attempt.record()
            _use_up(identity, attempt.user_id, body.recovery_code)
        _remove_factors(identity, attempt.user_id, codes=body.recovery_code is None)
        with suppress(Unavailable):  # it happened also where the carrier is down, which is recorded
            send_email(identity, body.email, notice(Purpose.FACTORS_LOST), source, attempt.user_id)
        return _begin(identity, attempt, body, source)


def _require_proof(identity: Identity, user_id: str, code: str | None) -> None:
    if not user_id:
        raise InvalidCredentials
    if code is None:
        if not mfa_reset.effective(identity, user_id):
            raise InvalidCredentials
        return
    wanted = hash_of(user_id, code)
    if not any(hmac.compare_digest(wanted, kept) for kept in identity.factors.factors(user_id).recovery_codes):
        raise InvalidCredentials


def _use_up(identity: Identity, user_id: str, code: str | None) -> None:
    """Of two requests at once one passes."""
    if code is not None:
        if not identity.factors.take_recovery_code(user_id, hash_of(user_id, code)):
            raise InvalidCredentials
        return
    try:
        mfa_reset.done(identity, user_id)
    except Conflict:
        raise InvalidCredentials from None


def _remove_factors(identity: Identity, user_id: str, *, codes: bool) -> None:
    # What is lost may be in other hands: the phone counts no more, and after a reset neither do the codes. Marked as
    # enrolled first: a user whose factors came to be past us must not look like a new one once they are gone.
    identity.factors.enrolled(user_id)
    identity.factors.factors_lost(user_id, codes=codes)
    identity.enrolments.finish(user_id)
    identity.factor_provider.remove_all(user_id)
    identity.sessions.end_all(user_id, identity.now())


def _begin(identity: Identity, attempt: Attempt, body: Recover, source: Source) -> Challenged:
    began = milliseconds(identity.now())
    challenged = identity.provider.initiate(body.email, body.password)
    if challenged.challenge not in (ChallengeName.MFA_SETUP, ChallengeName.NEW_PASSWORD_REQUIRED):
        raise Unavailable("The identity provider still asks for a factor that was removed")
    enrolment.allow(identity, attempt.user_id, challenged.session)
    remember(identity, challenged, body.email, source, began)
    return challenged
