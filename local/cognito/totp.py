"""Time-based one-time passwords (RFC 6238: SHA-1, 6 digits, 30 seconds), one step of clock drift either way."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from enum import Enum

import pyotp

STEP_SECONDS = 30
DRIFT = 1
SECRET_LENGTH = 32  # base32 characters: 160 bits, RFC 4226 section 4 requirement R6


class Verdict(Enum):
    RIGHT = "right"
    WRONG = "wrong"
    REPLAYED = "replayed"


@dataclass(slots=True)
class Totp:
    """One authenticator app. ``last_step`` only rises, so a code that was accepted once is never accepted again
    (RFC 6238 section 5.2), nor is any older one."""

    secret: str = field(default_factory=lambda: pyotp.random_base32(SECRET_LENGTH), repr=False)
    last_step: int = -1

    def verify(self, code: str, now: float) -> Verdict:
        current = int(now) // STEP_SECONDS
        steps = range(current - DRIFT, current + DRIFT + 1)
        matching = [step for step in steps if hmac.compare_digest(self._code(step), code.encode())]
        fresh = [step for step in matching if step > self.last_step]
        if fresh:
            self.last_step = fresh[0]
            return Verdict.RIGHT
        return Verdict.REPLAYED if matching else Verdict.WRONG

    def _code(self, step: int) -> bytes:
        return pyotp.TOTP(self.secret, interval=STEP_SECONDS).generate_otp(step).encode()
