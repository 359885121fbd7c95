"""The steps of an authenticator app (RFC 6238), of which Cognito takes the one before, this and the next, each once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pyotp

STEP = 30
"""Seconds."""
SLACK = 10
"""Seconds that a code must go on counting, for the request that carries it."""


def step() -> int:
    """The present one's number."""
    return int(time.time()) // STEP


def unused(last: int, *, now: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep) -> int:
    """The first step after ``last`` whose code counts, and will for a while; waits where all were used."""
    while (found := max(last + 1, int(now() + SLACK) // STEP - 1)) > int(now()) // STEP + 1:
        sleep(0.5)
    return found


def code(secret: str, of_step: int) -> str:
    """Six digits."""
    return pyotp.TOTP(secret).at(of_step * STEP)
