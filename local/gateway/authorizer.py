"""The authorizer: verifies an access token as API Gateway's Cognito authorizer does.

Signature (RS256 alone, RFC 8725 section 3.1), issuer, expiry, ``token_use`` and the method's scope; the functions
check the claims once more and look for the Session row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from phivault.errors import AccessDenied, Unauthenticated

SCOPE = "phivault/api"
LEEWAY_SECONDS = 0


class Authorizer:
    """``jwks`` answers the pool's current key set (a JWKS document, RFC 7517)."""

    def __init__(self, issuer: str, jwks: Callable[[], Any], now: Callable[[], float] = time.time) -> None:
        self._issuer, self._jwks, self._now = issuer, jwks, now

    def verify(self, headers: Sequence[str]) -> dict[str, str]:
        """The claims, as strings, from the one Authorization header. Raises Unauthenticated, or AccessDenied for a
        missing scope."""
        scheme, _, token = (headers[0] if len(headers) == 1 else "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send an access token: Authorization: Bearer ...")
        claims = self._claims(token.strip())
        self._check(claims)
        return {name: " ".join(value) if isinstance(value, list) else str(value) for name, value in claims.items()}

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, KeySet.import_key_set(self._jwks()), algorithms=["RS256"]).claims
        except (JoseError, ValueError, TypeError):
            raise Unauthenticated("The token is not valid") from None

    def _check(self, claims: dict[str, Any]) -> None:
        expires = claims.get("exp")
        if not isinstance(expires, int) or expires + LEEWAY_SECONDS <= self._now():
            raise Unauthenticated("The token has expired")
        if claims.get("iss") != self._issuer or claims.get("token_use") != "access":
            raise Unauthenticated("The token is not an access token of this pool")
        if SCOPE not in str(claims.get("scope", "")).split():
            raise AccessDenied("The token lacks the scope " + SCOPE)
