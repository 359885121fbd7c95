"""The documented schedule: 2^(n-5) seconds from the fifth failure, at most 15 minutes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.cognito.errors import CognitoError
from local.cognito.lockout import STRANGERS, Lock, Strangers

START = 1_000_000.0


@given(st.integers(1, 3000))
def test_each_failure_after_the_fifth_doubles_the_wait(failures: int):
    lock, now = Lock(), START
    for _ in range(failures):
        now = max(now, lock.locked_until)
        lock.last_attempt = now  # an attempt within the quarter hour, so that nothing is reset
        lock.admit(now)
        lock.fail(now)
    expected = 0.0 if failures < 5 else min(2.0 ** min(failures - 5, 20), 900.0)
    assert max(lock.locked_until - now, 0.0) == expected


def test_an_attempt_during_the_lock_is_refused_and_not_counted():
    lock = Lock()
    lock.admit(START)
    for _ in range(6):
        lock.fail(START)
    for _ in range(3):
        with pytest.raises(CognitoError, match="Password attempts exceeded"):
            lock.admit(START + 1)
    assert lock.failures == 6
    lock.admit(START + 2)


def test_a_quarter_of_an_hour_without_attempts_forgives():
    lock = Lock()
    lock.admit(START)
    for _ in range(7):
        lock.fail(START)
    lock.admit(START + 899)
    assert lock.failures == 7
    lock.admit(START + 899 + 900)
    assert lock.failures == 0


def test_names_of_strangers_are_kept_apart_in_any_case_and_bounded():
    strangers = Strangers()
    first = strangers.lock("Nobody@example.com")
    assert strangers.lock("nobody@EXAMPLE.com") is first
    for number in range(STRANGERS):
        strangers.lock(f"{number}@example.com")
    assert strangers.lock("nobody@example.com") is not first
