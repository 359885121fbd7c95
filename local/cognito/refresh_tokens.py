"""Refresh tokens: opaque, stored as digests, rotated on every use.

All tokens of one sign-in are a family, named by ``origin_jti``; the new token is valid for the remaining time of the
first. Using a rotated token raises RefreshTokenReuseException. Cognito doesn't document that reuse ends the family,
so it doesn't here: the product catches reuse itself. Revoking any token of a family ends it.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from local.cognito.errors import CognitoError, not_authorized


@dataclass(slots=True)
class Family:
    """``auth_time`` and ``expires`` in Unix seconds; ``current`` is None while a refresh is under way."""

    origin_jti: str
    sub: str
    auth_time: int
    expires: float
    current: bytes | None = field(default=None, repr=False)


class RefreshTokens:
    def __init__(self, seconds: int, now: Callable[[], float]) -> None:
        self._seconds, self._now = seconds, now
        self._families: dict[str, Family] = {}
        self._members: dict[bytes, str] = {}

    def start(self, sub: str) -> tuple[Family, str]:
        self._forget(lambda family: self._now() >= family.expires)
        now = self._now()
        family = Family(str(uuid.uuid4()), sub, int(now), now + self._seconds)
        self._families[family.origin_jti] = family
        return family, self.rotate(family)

    def claim(self, token: str) -> Family:
        """Take the current token out of use: of two simultaneous refreshes, one is a reuse."""
        digest = _digest(token)
        family = self._families.get(self._members.get(digest, ""))
        if family is None:
            raise not_authorized("Invalid Refresh Token.")
        if self._now() >= family.expires:
            raise not_authorized("Refresh Token has expired")
        if family.current != digest:
            raise CognitoError("RefreshTokenReuseException", "Refresh Token has been invalidated by rotation.")
        family.current = None
        return family

    def rotate(self, family: Family) -> str:
        """The next token: raises NotAuthorizedException if the family ended meanwhile."""
        if not self.alive(family.origin_jti):
            raise not_authorized("Refresh Token has been revoked")
        token = secrets.token_urlsafe(96)
        family.current = _digest(token)
        self._members[family.current] = family.origin_jti
        return token

    def put_back(self, family: Family, token: str) -> None:
        """Undo a claim whose refresh failed before it gave anything out."""
        family.current = _digest(token)

    def alive(self, origin_jti: str) -> bool:
        family = self._families.get(origin_jti)
        return family is not None and self._now() < family.expires

    def revoke(self, token: str) -> None:
        origin_jti = self._members.get(_digest(token))
        self._forget(lambda family: family.origin_jti == origin_jti)

    def revoke_user(self, sub: str) -> None:
        self._forget(lambda family: family.sub == sub)

    def _forget(self, gone: Callable[[Family], bool]) -> None:
        self._families = {key: family for key, family in self._families.items() if not gone(family)}
        self._members = {digest: key for digest, key in self._members.items() if key in self._families}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
