"""Locks after failures: 2^(n-5) seconds after the n-th, from the fifth, up to 15 minutes.

This mirrors the schedule that Cognito documents for passwords and codes together but doesn't let anyone read, so
that Retry-After can be told. Unknown accounts lock alike: a lock must not tell who has an account. As there, a full
sign-in or 15 minutes' rest starts the count again; a correct password alone doesn't, or whoever has it could
guess codes for ever. NIST SP 800-63B section 5.2.2; 45 CFR 164.308(a)(5)(ii)(C).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from phivault.errors import InvalidCredentials, TooManyRequests
from phivault.identity.source import Source

FREE_FAILURES = 5
LONGEST_LOCK_SECONDS = 900
FORGET_SECONDS = 900  # counted from the last failure, so never shorter than its lock


@dataclass(frozen=True, slots=True)
class Failures:
    """``last`` is when the newest failure was, in Unix seconds."""

    count: int
    last: int


class FailureStore(Protocol):
    """Obligations: reads are consistent, counting is atomic, a row past its expiry is absent and counting starts
    at 1 again. Unavailable when the store doesn't answer."""

    def failures(self, account: str) -> Failures | None: ...

    def add_failure(self, account: str, at: int, expires: int) -> None: ...

    def clear_failures(self, account: str) -> None: ...


class Lockout:
    """``now`` answers Unix seconds."""

    def __init__(self, store: FailureStore, now: Callable[[], float]) -> None:
        self._store, self._now = store, now

    @contextmanager
    def counting(self, account: str, source: Source) -> Iterator[None]:
        """Refuse with TooManyRequests while the account is locked, else count a failure that happens inside.

        Attempts at the same instant may all pass the check; the provider's own lock, which is atomic, stops those.
        """
        remaining = self._remaining(account)
        if remaining > 0:
            raise _locked(remaining)
        try:
            yield
        except InvalidCredentials:
            at = math.ceil(self._now())
            self._store.add_failure(account, at, at + FORGET_SECONDS)
            raise
        except TooManyRequests:
            # The provider counts what we don't see, such as attempts that bypassed us: only its refusal is known.
            raise _locked(max(1, self._remaining(account))) from None

    def clear(self, account: str, source: Source) -> None:
        self._store.clear_failures(account)

    def _remaining(self, account: str) -> int:
        failures = self._store.failures(account)
        if failures is None or failures.count < FREE_FAILURES:
            return 0
        return math.ceil(failures.last + lock_seconds(failures.count) - self._now())


def lock_seconds(failures: int) -> int:
    """How long an account is locked after its n-th failure in a row."""
    if failures < FREE_FAILURES:
        return 0
    # The exponent is bounded first: a count can grow large, 2 to the power of it must not.
    return min(1 << min(failures - FREE_FAILURES, 10), LONGEST_LOCK_SECONDS)


def _locked(seconds: int) -> TooManyRequests:
    return TooManyRequests("Too many failed attempts", retry_after=seconds)
