"""The lock's schedule is the documented one."""

from __future__ import annotations

import pytest

from phivault.errors import InvalidCredentials
from phivault.identity.lockout import Lockout, lock_seconds
from tests.unit.identity.fakes import Clock, MemoryState


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (4, 0), (5, 1), (6, 2), (10, 32), (14, 512), (15, 900), (10**9, 900)]
)
def test_schedule(failures: int, seconds: int) -> None:
    assert lock_seconds(failures) == seconds


def test_four_failures_lock_nothing_and_a_quarter_of_an_hour_forgets_them() -> None:
    clock = Clock()
    state = MemoryState(clock)
    lockout = Lockout(state, clock)

    def fail() -> None:
        with lockout.counting("account"):
            raise InvalidCredentials

    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            fail()
    clock.time += 901
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            fail()
