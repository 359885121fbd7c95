"""Enrol an authenticator app during MFA_SETUP: a secret now, proven by its first code at the challenge."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import segno

from phivault.audit.event import Action
from phivault.errors import InvalidCredentials
from phivault.identity import enrolment, inputs, personal
from phivault.identity.provider import Challenged, ChallengeName
from phivault.identity.service import Attempt, Identity
from phivault.identity.source import Source

ISSUER = "phivault"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """``secret`` is base32; ``otpauth_uri`` is what an app scans (Key Uri Format), ``qr_svg`` the same as a picture,
    SVG text; ``session`` takes the code."""

    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    qr_svg: str = field(repr=False)
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
        enrolment.require_standing(identity, attempt, pending)
        enrolment.require(identity, attempt, body.session)
        begun = identity.provider.begin_totp(body.session)
        enrolment.carry(identity, pending.user_id, body.session, begun.session)
        identity.pending.go_on(pending, Challenged(ChallengeName.MFA_SETUP, begun.session), identity.now())
    attempt.record()
    uri = otpauth_uri(begun.secret, attempt.email)
    return Enrolment(begun.secret, uri, qr_svg(uri), begun.session)


def otpauth_uri(secret: str, label: str) -> str:
    """SHA-1, 6 digits, 30 s (RFC 6238 defaults, all that Cognito knows)."""
    parameters = urlencode({"secret": secret, "issuer": ISSUER, "algorithm": "SHA1", "digits": 6, "period": 30})
    return f"otpauth://totp/{quote(ISSUER)}:{quote(label, safe='')}?{parameters}"


def qr_svg(uri: str) -> str:
    """The URI as a QR code that cameras read off a screen: SVG text, black on white, with the quiet zone around it."""
    picture = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(picture, kind="svg", scale=4, light="white", xmldecl=False)
    return picture.getvalue().decode()
