"""Cognito's lockout schedule, shared by passwords and codes.

After n >= 5 failures a user is locked for 2^(n-5) seconds, at most 15 minutes. Attempts during a lock are refused
and don't count. A completed sign-in or 15 minutes without an attempt resets n. (Developer guide, "Lockout behavior for
failed sign-in attempts"; "MFA" says that wrong codes join the same schedule.) A correct password alone doesn't reset
n: otherwise whoever has it could alternate it with guessed codes for ever.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from local.cognito.errors import not_authorized

FREE_FAILURES = 5
LONGEST = 900.0
STRANGERS = 10_000


@dataclass(slots=True)
class Lock:
    failures: int = 0
    locked_until: float = 0.0
    last_attempt: float = 0.0

    def admit(self, now: float) -> None:
        """Raises NotAuthorizedException while locked."""
        if now - self.last_attempt >= LONGEST:
            self.failures = 0
        self.last_attempt = now
        if now < self.locked_until:
            raise not_authorized("Password attempts exceeded")

    def fail(self, now: float) -> None:
        self.failures += 1
        if self.failures >= FREE_FAILURES:
            # The exponent is bounded before use: 2**n of an attacker's n would grow without end.
            self.locked_until = now + min(2.0 ** min(self.failures - FREE_FAILURES, 10), LONGEST)

    def reset(self) -> None:
        self.failures, self.locked_until = 0, 0.0


class Strangers:
    """Locks of names that no user has, so that they answer as users do. Bounded: the oldest is forgotten."""

    def __init__(self) -> None:
        self._locks: OrderedDict[str, Lock] = OrderedDict()

    def lock(self, name: str) -> Lock:
        lock = self._locks.setdefault(name.lower(), Lock())
        self._locks.move_to_end(name.lower())
        if len(self._locks) > STRANGERS:
            self._locks.popitem(last=False)
        return lock
