"""How often something may be asked for, whoever asks: what costs money, sends messages or feeds guesses.

Each limit counts in fixed windows whose beginning differs from key to key and can't be foreseen. At the turn of a
window twice the number may pass in a moment, never more. What is refused isn't counted, so that asking on doesn't
prolong the wait. Numbers: ``NUMBERS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Final, Protocol

from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import TooManyRequests, Unavailable
from phivault.identity.pseudonym import pseudonym
from phivault.identity.source import network_of


class Limit(StrEnum):
    """What is limited, and what its key is."""

    SIGN_UP = "sign-up"  # begun, per source
    EMAIL_CODE = "email-code"  # per address
    EMAIL_SOURCE = "email-source"  # messages that a source caused
    SMS_CODE = "sms-code"  # per number
    SMS_SOURCE = "sms-source"
    SMS_TENANT = "sms-tenant"  # per tenant and way in: an invitation, or its registration text
    FORGOT = "forgot"  # per address
    FORGOT_SOURCE = "forgot-source"
    SIGN_IN = "sign-in"  # passwords tried, right ones among them, per account and place: a right one may send an SMS
    RESEND = "resend"  # per sign-up under way
    FAILURES_SOURCE = "failures-source"  # wrong passwords and codes for whatever accounts: spraying


_HOUR: Final = 3600
NUMBERS: Final = {
    Limit.SIGN_UP: (30, _HOUR),
    Limit.EMAIL_CODE: (5, _HOUR),
    Limit.EMAIL_SOURCE: (30, _HOUR),
    Limit.SMS_CODE: (5, _HOUR),
    Limit.SMS_SOURCE: (20, _HOUR),
    Limit.SMS_TENANT: (200, _HOUR),
    Limit.FORGOT: (5, _HOUR),
    Limit.FORGOT_SOURCE: (30, _HOUR),
    Limit.SIGN_IN: (30, _HOUR),
    Limit.RESEND: (3, 900),
    Limit.FAILURES_SOURCE: (100, _HOUR),
}
"""How many in how many seconds."""

_BY_SOURCE: Final = frozenset(
    {Limit.SIGN_UP, Limit.EMAIL_SOURCE, Limit.SMS_SOURCE, Limit.FORGOT_SOURCE, Limit.FAILURES_SOURCE}
)


class LimitStore(Protocol):
    """Obligations: each call is atomic; what is spent under a name counts at least until ``expires`` (Unix seconds).
    Unavailable when the store doesn't answer."""

    def spend(self, name: str, most: int, expires: int) -> bool:
        """Count one more, unless ``most`` are counted already. Whether it was counted."""

    def refund(self, name: str) -> None:
        """Count one less; where nothing is counted, that is no error."""


class Limits:
    """``now`` answers Unix seconds."""

    def __init__(self, store: LimitStore, keys: SubjectKeys, now: Callable[[], float]) -> None:
        self._store, self._keys, self._now = store, keys, now

    def spend(self, limit: Limit, *keys: str) -> None:
        """Count one more of what ``keys`` name together. Raises TooManyRequests where that is too many;
        ``retry_after`` is when the window ends. The IP address that names a source stands for its network."""
        most, _ = NUMBERS[limit]
        name, ends = self._window(limit, keys)
        if not self._store.spend(name, most, ends):
            raise TooManyRequests("Too many requests of this kind", retry_after=max(1, math.ceil(ends - self._now())))

    def refund(self, limit: Limit, *keys: str) -> None:
        """Take back what was spent a moment ago. What can't be taken back stays counted till its window ends."""
        with suppress(Unavailable):
            self._store.refund(self._window(limit, keys)[0])

    def _window(self, limit: Limit, keys: tuple[str, ...]) -> tuple[str, int]:
        """The name of the current window of what ``keys`` name, and when it ends."""
        named = [network_of(key) for key in keys] if limit in _BY_SOURCE else keys
        name = pseudonym(self._keys, "limit", limit.value, *named)
        _, seconds = NUMBERS[limit]
        shift = int(name[:12], 16) % seconds
        number = int(self._now() + shift) // seconds
        return f"{limit.value}#{name}#{number}", (number + 1) * seconds - shift
