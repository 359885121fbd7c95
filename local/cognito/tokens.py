"""Access and id tokens: JWTs signed with RS256 under a key that lives as long as the process."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from local.cognito.errors import not_authorized
from local.cognito.pool import Pool
from local.cognito.refresh_tokens import Family
from local.cognito.triggers import Overrides
from local.cognito.users import User

SELF_SERVICE_SCOPE = "aws.cognito.signin.user.admin"
DEFAULT_SCOPES = (SELF_SERVICE_SCOPE,)


class Tokens:
    def __init__(self, pool: Pool, now: Callable[[], float]) -> None:
        self._pool, self._now = pool, now
        self._key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, private=True, auto_kid=True)

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    def mint(self, user: User, family: Family, overrides: Overrides) -> tuple[str, str]:
        """An access token and an id token, after the pre-token-generation trigger had its say."""
        shared = self._shared_claims(user, family)
        access = {**shared, "token_use": "access", "jti": str(uuid.uuid4())}
        access |= {"client_id": self._pool.client_id, "username": user.sub}
        if scopes := overrides.scopes(DEFAULT_SCOPES):
            access["scope"] = " ".join(scopes)
        identity = {**user.attributes, **shared, "token_use": "id", "jti": str(uuid.uuid4())}
        identity |= {"aud": self._pool.client_id, "cognito:username": user.sub}
        for name in ("email_verified", "phone_number_verified"):
            if name in identity:
                identity[name] = identity[name] == "true"
        return (
            self._sign(overrides.apply_to_access(access, self._pool.client_id)),
            self._sign(overrides.apply_to_id(identity)),
        )

    def read_access(self, token: str) -> dict[str, Any]:
        """The claims of one of our unexpired access tokens: raises NotAuthorizedException."""
        try:
            claims = jwt.decode(token, self._key, algorithms=["RS256"]).claims
        except (JoseError, ValueError, UnicodeError):
            raise not_authorized("Invalid Access Token") from None
        expected = {"iss": self._pool.issuer, "client_id": self._pool.client_id, "token_use": "access"}
        if any(claims.get(name) != value for name, value in expected.items()):
            raise not_authorized("Invalid Access Token")
        if self._now() >= claims["exp"]:
            raise not_authorized("Access Token has expired")
        return claims

    def _shared_claims(self, user: User, family: Family) -> dict[str, Any]:
        now = int(self._now())
        return {
            "sub": user.sub,
            "iss": self._pool.issuer,
            "origin_jti": family.origin_jti,
            "event_id": str(uuid.uuid4()),
            "auth_time": family.auth_time,
            "iat": now,
            "exp": now + self._pool.token_seconds,
        }

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key)
