"""RFC 6238 codes: accepted a step early or late, each step at most once, and never an older one."""

import base64

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.cognito.totp import Totp, Verdict

# RFC 6238 appendix B, SHA-1, truncated to six digits.
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
RFC_VECTORS = [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]


@pytest.mark.parametrize(("time", "code"), RFC_VECTORS)
def test_the_vectors_of_the_rfc(time: int, code: str):
    assert Totp(RFC_SECRET).verify(code, time) is Verdict.RIGHT


def test_secrets_are_random_and_160_bits_long():
    one, other = Totp(), Totp()
    assert one.secret != other.secret
    assert len(base64.b32decode(one.secret)) * 8 == 160
    assert one.secret not in repr(one)


@given(st.integers(10, 10**9), st.integers(-5, 5))
def test_one_step_of_drift_is_accepted_and_no_more(step: int, drift: int):
    totp = Totp()
    code = pyotp.TOTP(totp.secret).generate_otp(step + drift)
    near = {pyotp.TOTP(totp.secret).generate_otp(step + each) for each in (-1, 0, 1)}
    expected = Verdict.RIGHT if code in near else Verdict.WRONG
    assert totp.verify(code, step * 30) is expected


@given(st.lists(st.integers(-1, 1), min_size=1, max_size=20))
def test_accepted_steps_only_rise(drifts: list[int]):
    totp, now, last = Totp(RFC_SECRET), 1_000_000 * 30, -1
    for drift in drifts:
        step = now // 30 + drift
        verdict = totp.verify(pyotp.TOTP(RFC_SECRET).generate_otp(step), now)
        assert verdict is (Verdict.RIGHT if step > last else Verdict.REPLAYED)
        last = max(last, step)
        now += 10


@pytest.mark.parametrize("code", ["", "28708", "2870820", "２８７０８２", " 287082", "abcdef"])
def test_other_texts_are_wrong(code: str):
    assert Totp(RFC_SECRET).verify(code, 59) is Verdict.WRONG
