from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.phi.raw_json import Number, encode, parse


@pytest.mark.parametrize("text", [b"1.10", b"-0.0", b"1E+2", b"1e400", b"123456789012345678901234567890", b"9" * 5000])
def test_a_number_is_written_as_it_was_read(text: bytes) -> None:
    assert parse(text) == Number(text.decode())
    assert encode(parse(text)) == text


@pytest.mark.parametrize("text", [b"", b"NaN", b"-Infinity", b"{", b"\xff", b"[1,]", b"[" * 100_000, b"01", b"'a'"])
def test_what_is_not_json_is_nothing(text: bytes) -> None:
    assert parse(text) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(st.characters(exclude_categories=())),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_written_reads_back(value: object) -> None:
    text = encode(value)  # type: ignore[arg-type]  # hypothesis doesn't know the recursive type
    assert json.loads(text) == value
    assert parse(text) == value
