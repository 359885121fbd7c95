from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.adapters.postgres.context import sign
from phivault.errors import InvalidInput

KEY = bytes(range(32))


def test_the_format_is_as_documented() -> None:
    signed = sign("k1", KEY, tenant="clinic", backend_pid=77, role="phivault_app", now=1_700_000_000.9)
    message = b"phivault-context-v1|k1|clinic|1700000060|77|phivault_app"
    assert signed == "v1|k1|clinic|1700000060|" + hmac.new(KEY, message, hashlib.sha256).hexdigest()


@given(
    st.tuples(st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True), st.integers(1, 1 << 30), st.text(max_size=20)),
    st.tuples(st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True), st.integers(1, 1 << 30), st.text(max_size=20)),
)
def test_no_two_claims_share_a_mac(one: tuple[str, int, str], two: tuple[str, int, str]) -> None:
    macs = [sign("k", KEY, tenant=t, backend_pid=p, role=r, now=0).rsplit("|", 1)[1] for t, p, r in (one, two)]
    assert (macs[0] == macs[1]) == (one == two)


@given(st.text(max_size=80))
def test_a_tenant_never_brings_a_separator(tenant: str) -> None:
    try:
        signed = sign("k", KEY, tenant=tenant, backend_pid=1, role="r", now=0)
    except InvalidInput:
        return
    assert signed.split("|")[2] == tenant
    assert signed.count("|") == 4


@pytest.mark.parametrize(("key_id", "key"), [("k|1", KEY), ("", KEY), ("k", KEY[:31]), ("k", b"")])
def test_a_malformed_key_signs_nothing(key_id: str, key: bytes) -> None:
    with pytest.raises(ValueError):
        sign(key_id, key, tenant="t", backend_pid=1, role="r")
