"""One access token with Cognito's own scope, which never leaves the function.

Only with the scope ``aws.cognito.signin.user.admin`` can a signed-in user's authenticator app be set up, and with it
its holder could change factors and attributes at Cognito itself, past us. No token that leaves us has it
(docs/adr/0024-the-self-service-scope-stays-in-the-function.md). Here a session's refresh token is used once with a
nonce that the pre-token trigger finds granted (``pre_token.py``). What comes has the scope and not ours, and its id
isn't among the session's: our API takes it for nobody's.
"""

from __future__ import annotations

import secrets

from phivault.access.principal import Principal
from phivault.errors import AccessDenied, Conflict, InvalidCredentials, Unauthenticated, Unavailable
from phivault.identity.claims import SCOPE, read_payload
from phivault.identity.pre_token import SELF_SERVICE_SCOPE, hash_of_nonce
from phivault.identity.provider import Tokens
from phivault.identity.refresh import reused
from phivault.identity.service import Identity
from phivault.identity.session import Session, hash_of
from phivault.identity.source import Source

GRANT_SECONDS = 60


def own_session(identity: Identity, principal: Principal, refresh_token: str, source: Source) -> Session:
    """The caller's session, whose newest refresh token this is. Raises AccessDenied for another session's token; for a
    used one Unauthenticated, the session being ended, as anywhere."""
    session = identity.sessions.of_refresh_token(refresh_token)
    if session is None or (session.user_id, session.id) != (principal.user_id, principal.session_id):
        raise AccessDenied("refresh_token: it isn't this session's")
    if session.refresh_hash != hash_of(refresh_token):
        raise reused(identity, session, refresh_token, source)
    return session


def elevated(identity: Identity, session: Session, refresh_token: str) -> Tokens:
    """Tokens whose access token has the scope. The refresh token is used up: rotate next. Raises Unauthenticated, the
    session being ended, where it was dead at the provider; Unavailable where the scope isn't there."""
    nonce = secrets.token_urlsafe(32)
    name = hash_of_nonce(nonce)
    identity.enrolments.grant(name, session.user_id, int(identity.now()) + GRANT_SECONDS)
    try:
        return identity.factor_provider.refresh_for_enrolment(refresh_token, nonce)
    except InvalidCredentials:
        identity.sessions.end(session)
        raise Unauthenticated("Sign in again: the refresh token is not usable") from None
    finally:
        # With the answer the provider's retries are over, so the nonce is worth nothing to whoever saw it on the way.
        identity.enrolments.revoke(name)


def require_elevated(tokens: Tokens, session: Session) -> None:
    """Raises Unavailable unless the access token is this session's, with the scope, and useless at our API."""
    claims = read_payload(tokens.access_token)
    scopes = str(claims.get("scope", "")).split()
    mine = (claims.get("sub"), claims.get("origin_jti")) == (session.user_id, session.id)
    if not mine or SELF_SERVICE_SCOPE not in scopes or SCOPE in scopes:
        raise Unavailable("The identity provider sent a token that no factor can be set up with")


def rotated(identity: Identity, session: Session, spent: str, tokens: Tokens, source: Source) -> None:
    """Keep the new refresh token, and no new access token. Raises Unauthenticated where another request was first."""
    try:
        identity.sessions.store.rotate(session, hash_of(tokens.refresh_token))
    except Conflict:
        raise reused(identity, session, spent, source) from None
