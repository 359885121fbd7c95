"""Challenge sessions: what stands between a correct password and tokens.

A session is a random string, bound to one user and to the one step that it awaits (the pool has a single client,
whose id every operation checks). It lives 3 minutes. A right answer ends it. Cognito lets a user retry a wrong code on
the same session and doesn't document how often; here three wrong answers end it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from local.cognito.errors import invalid_session
from local.cognito.totp import Totp

type Step = Literal[
    "NEW_PASSWORD_REQUIRED",
    "SMS_MFA",
    "SOFTWARE_TOKEN_MFA",
    "SELECT_MFA_TYPE",
    "MFA_SETUP",  # awaits AssociateSoftwareToken
    "VERIFY",  # awaits VerifySoftwareToken
    "ENROLLED",  # awaits the answer to MFA_SETUP
]

TRIES = 3


@dataclass(slots=True)
class Session:
    """``source`` is the triggerSource that tokens from this sign-in will have; ``code`` the SMS code sent;
    ``totp`` the authenticator being enrolled."""

    sub: str
    awaits: Step
    source: str
    expires: float
    code: str = field(default="", repr=False)
    totp: Totp | None = field(default=None, repr=False)
    tries_left: int = TRIES


class Sessions:
    def __init__(self, seconds: int, now: Callable[[], float]) -> None:
        self._seconds, self._now = seconds, now
        self._sessions: dict[bytes, Session] = {}

    def begin(self, sub: str, awaits: Step, source: str, *, code: str = "", totp: Totp | None = None) -> str:
        now = self._now()
        self._sessions = {key: session for key, session in self._sessions.items() if now < session.expires}
        token = secrets.token_urlsafe(64)
        self._sessions[_key(token)] = Session(sub, awaits, source, now + self._seconds, code, totp)
        return token

    def find(self, token: str, awaits: Step) -> Session:
        """Raises NotAuthorizedException when unknown, used, expired, or awaiting another step."""
        session = self._sessions.get(_key(token))
        if session is None or self._now() >= session.expires or session.awaits != awaits:
            raise invalid_session()
        return session

    def fail(self, token: str) -> None:
        session = self._sessions[_key(token)]
        session.tries_left -= 1
        if not session.tries_left:
            self.end(token)

    def end(self, token: str) -> None:
        self._sessions.pop(_key(token), None)  # it may have ended while a trigger ran

    def end_all(self, sub: str) -> None:
        self._sessions = {key: session for key, session in self._sessions.items() if session.sub != sub}


def _key(token: str) -> bytes:
    # Found by digest, so that the time of a lookup says nothing about a token.
    return hashlib.sha256(token.encode()).digest()
