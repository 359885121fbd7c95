"""Codes for forgotten passwords.

A code is good for an hour ("Recovering user accounts") and replaced by the next. Cognito documents 5 to 20 requests
and as many tries an hour, by a risk that it judges; here both are 5, over all codes of that hour, and names that no
user has are counted alike. A right code with a password that is refused is no failure and stays good.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from local.cognito.errors import CognitoError

SECONDS = 3600.0
SENDS = TRIES = 5
KEPT = 10_000


@dataclass(slots=True)
class Reset:
    """One account's hour, from its first request or try. No ``code`` is "": none is good."""

    since: float
    sent: int = 0
    failed: int = 0
    code: str = field(default="", repr=False)
    expires: float = 0.0


class Resets:
    """By a user's sub, or by a name that nobody has. Bounded: the oldest is forgotten."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._resets: OrderedDict[str, Reset] = OrderedDict()

    def begin(self, key: str) -> str:
        """A new code. Raises LimitExceededException."""
        reset = self._hour(key)
        if reset.sent >= SENDS:
            raise _exceeded()
        reset.sent += 1
        reset.code, reset.expires = f"{secrets.randbelow(10**6):06}", self._now() + SECONDS
        return reset.code

    def check(self, key: str, code: str) -> None:
        """Raises LimitExceededException, ExpiredCodeException where none is good, or CodeMismatchException."""
        reset = self._hour(key)
        if reset.failed >= TRIES:
            raise _exceeded()
        good = bool(reset.code) and self._now() < reset.expires
        if good and hmac.compare_digest(reset.code.encode(), code.encode()):
            return
        reset.failed += 1
        if not good:
            raise CognitoError("ExpiredCodeException", "Invalid code provided, please request a code again.")
        raise mismatch()

    def end(self, key: str) -> None:
        """Its code is used up; what was counted stays."""
        self._hour(key).code = ""

    def _hour(self, key: str) -> Reset:
        found = self._resets.setdefault(key, Reset(self._now()))
        if self._now() - found.since >= SECONDS:
            # A code outlives the hour of its counts.
            found = self._resets[key] = Reset(self._now(), code=found.code, expires=found.expires)
        self._resets.move_to_end(key)
        if len(self._resets) > KEPT:
            self._resets.popitem(last=False)
        return found


def mismatch() -> CognitoError:
    return CognitoError("CodeMismatchException", "Invalid verification code provided, please try again.")


def _exceeded() -> CognitoError:
    return CognitoError("LimitExceededException", "Attempt limit exceeded, please try after some time.")
