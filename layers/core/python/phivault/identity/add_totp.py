"""Add or replace an authenticator app while signed in, first step: a secret. ``finish_totp`` takes its first code."""

from __future__ import annotations

from dataclasses import dataclass, field

from phivault.access.principal import Principal
from phivault.audit.event import Action
from phivault.crypto import envelope
from phivault.crypto.element import Element, SealContext
from phivault.crypto.subject_keys import SubjectKeys
from phivault.identity import inputs
from phivault.identity.elevate import elevated, own_session, require_elevated, rotated
from phivault.identity.enrol_totp import otpauth_uri, qr_svg
from phivault.identity.factor_deed import FactorDeed
from phivault.identity.factors import EnrolmentUnderWay, Factor
from phivault.identity.personal import user_subject
from phivault.identity.service import withheld
from phivault.identity.users.call import Call
from phivault.phi.data_class import DataClass

SECONDS = 300
_TOKEN = "access_token"


@dataclass(frozen=True, slots=True)
class Begun:
    """As enrol_totp.Enrolment. ``refresh_token`` is the session's from now on: the one sent is used up."""

    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    qr_svg: str = field(repr=False)
    refresh_token: str = field(repr=False)


def add_totp(call: Call, body: inputs.Refresh) -> Begun:
    """Raises SignInAgain, AccessDenied (another session's refresh token), Unauthenticated (a used one) or Unavailable,
    each recorded. Nothing of the user's factors has changed when it returns."""
    identity, principal, source = call.identity, call.principal, call.source
    deed = FactorDeed(call, Action.MFA_ENROL, Factor.SOFTWARE_TOKEN_MFA)
    with deed.failure_recorded():
        deed.require()
        email = deed.email()
        session = own_session(identity, principal, body.refresh_token, source)
        tokens = elevated(identity, session, body.refresh_token)
    with withheld(identity, tokens.refresh_token):
        with deed.failure_recorded():
            require_elevated(tokens, session)
            rotated(identity, session, body.refresh_token, tokens, source)
            secret = identity.factor_provider.associate(tokens.access_token)
            under_way = EnrolmentUnderWay(session.id, seal(identity.keys, principal, tokens.access_token))
            identity.enrolments.begin(principal.user_id, under_way, int(identity.now()) + SECONDS)
        deed.record()
    uri = otpauth_uri(secret, email)
    return Begun(secret, uri, qr_svg(uri), tokens.refresh_token)


def seal(keys: SubjectKeys, principal: Principal, access_token: str) -> bytes:
    """The token under the user's own key: who reads the table can't use it."""
    context = _context(principal)
    key = keys.for_sealing(context.tenant, context.subject)
    return envelope.seal(key, context, [Element(_TOKEN, DataClass.SENSITIVE, access_token.encode())])


def unseal(keys: SubjectKeys, principal: Principal, under_way: EnrolmentUnderWay) -> str:
    """Raises IntegrityError where it was altered or is another user's or session's, Gone or Unavailable."""
    context = _context(principal)
    version = envelope.read_header(under_way.sealed).key_version
    key = keys.for_unsealing(context.tenant, context.subject, version)
    return envelope.unseal(key, context, under_way.sealed)[_TOKEN].decode()


def _context(principal: Principal) -> SealContext:
    return SealContext(principal.tenant, user_subject(principal.user_id), "Enrolment", principal.session_id, 1)
