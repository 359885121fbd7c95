"""Password policy and storage."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections import deque

from local.cognito.errors import CognitoError
from local.cognito.pool import PasswordPolicy

SYMBOLS = frozenset("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ")
MAXIMUM_LENGTH = 256
# Scrypt's n: about 20 ms and 8 MiB, enough for users who live as long as one process.
COST = 2**13


def check(policy: PasswordPolicy, password: str) -> None:
    """Raises InvalidPasswordException with the first broken rule, worded as Cognito does."""
    rules = (
        (len(password) >= policy.minimum_length, "Password not long enough"),
        (len(password) <= MAXIMUM_LENGTH, "Password too long"),
        (any(c.islower() for c in password), "Password must have lowercase characters"),
        (any(c.isupper() for c in password), "Password must have uppercase characters"),
        (any(c.isdigit() for c in password), "Password must have numeric characters"),
        (any(c in SYMBOLS for c in password.strip()), "Password must have symbol characters"),
    )
    for kept, message in rules:
        if not kept:
            raise CognitoError("InvalidPasswordException", f"Password did not conform with policy: {message}")


def generate() -> str:
    """A random temporary password that keeps every rule."""
    return secrets.token_urlsafe(18) + "aA1!"


class StoredPassword:
    """Scrypt digests of the current password and those before it, newest last.

    One salt per user, so that a look through the history costs one hash; it reveals only that two of a user's
    passwords are equal, which the history forbids.
    """

    def __init__(self, policy: PasswordPolicy, password: str) -> None:
        self._salt = os.urandom(16)
        self._digests = deque([_digest(password, self._salt)], maxlen=policy.history)

    def matches(self, password: str) -> bool:
        return hmac.compare_digest(_digest(password, self._salt), self._digests[-1])

    def replace(self, password: str) -> None:
        """Raises PasswordHistoryPolicyViolationException for the current or a recent password."""
        digest = _digest(password, self._salt)
        if any(hmac.compare_digest(digest, old) for old in self._digests):
            raise CognitoError("PasswordHistoryPolicyViolationException", "Password has previously been used")
        self._digests.append(digest)


def burn(password: str) -> None:
    """The time that a check takes, for a user who doesn't exist."""
    _digest(password, bytes(16))


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=COST, r=8, p=1, dklen=32)
