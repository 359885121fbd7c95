"""Enrol an authenticator app during MFA_SETUP: a secret now, proven by its first code at the challenge."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from phivault.audit.event import Action
from phivault.errors import InvalidCredentials
from phivault.identity import inputs, personal
from phivault.identity.provider import Challenged, ChallengeName
from phivault.identity.service import Attempt, Identity
from phivault.identity.source import Source

ISSUER = "phivault"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """``secret`` is base32; ``otpauth_uri`` is what an app scans (Key Uri Format); ``session`` takes the code."""

    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    session: str = field(repr=False)


def enrol_totp(identity: Identity, body: inputs.MfaTotp, source: Source) -> Enrolment:
    """Raises InvalidCredentials unless the session waits for MFA_SETUP, or Unavailable; recorded first."""
    attempt = Attempt(identity, Action.MFA_ENROL, source, step="SOFTWARE_TOKEN_MFA")
    with attempt.failure_recorded():
        pending = identity.pending.of(body.session, ChallengeName.MFA_SETUP)
        attempt.user_id = pending.user_id
        attempt.email = personal.unseal_email(identity.keys, personal.NO_TENANT, pending.email)
        if attempt.email is None:
            raise InvalidCredentials
        begun = identity.provider.begin_totp(body.session)
        following = Challenged(ChallengeName.MFA_SETUP, begun.session)
        identity.pending.save(following, pending.account, pending.email, pending.user_id, identity.now())
    attempt.record()
    return Enrolment(begun.secret, otpauth_uri(begun.secret, attempt.email), begun.session)


def otpauth_uri(secret: str, label: str) -> str:
    """SHA-1, 6 digits, 30 s (RFC 6238 defaults, all that Cognito knows)."""
    parameters = urlencode({"secret": secret, "issuer": ISSUER, "algorithm": "SHA1", "digits": 6, "period": 30})
    return f"otpauth://totp/{quote(ISSUER)}:{quote(label, safe='')}?{parameters}"
