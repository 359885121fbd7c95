from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.crypto.padding import pad, unpad
from phivault.errors import IntegrityError


@given(st.binary(max_size=31))
def test_round_trip_in_32_bytes(value: bytes) -> None:
    assert len(pad(value)) == 32
    assert unpad(pad(value)) == value


@given(st.binary(min_size=32, max_size=32))
def test_accepted_blocks_pad_to_themselves(block: bytes) -> None:
    try:
        value = unpad(block)
    except IntegrityError:
        return
    assert pad(value) == block


@pytest.mark.parametrize("block", [b"\x20" + bytes(31), b"\xff" * 32, b"\x00" + bytes(30) + b"\x01"])
def test_other_blocks_are_refused(block: bytes) -> None:
    with pytest.raises(IntegrityError):
        unpad(block)
