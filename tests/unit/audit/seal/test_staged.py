"""What is staged reads back as it was, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.log.note import VerifierKey, log_vkey
from phivault.audit.seal.progress import Position, Progress
from phivault.audit.seal.staged import Staged, size_of
from phivault.errors import IntegrityError
from tests.support.sealing import ORIGIN, Key

KEY = Key()
VKEY = VerifierKey.parse(log_vkey(ORIGIN, KEY.public_key))
NAME = "7-" + "ab" * 32
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
POSITIONS = st.builds(Position, st.integers(0, 2**32), HASHES, st.integers(0, 2**40))
STAGED = st.builds(
    Staged,
    st.builds(Progress, st.sampled_from(["", "2026/03/04/05"]), st.dictionaries(st.text("abc"), POSITIONS)),
    st.lists(st.text()).map(tuple),
    st.lists(st.tuples(st.text(), st.binary())).map(tuple),
)


@given(STAGED)
def test_what_was_staged_is_read(staged):
    assert Staged.decode(staged.encode(NAME, ORIGIN, KEY), NAME, VKEY) == staged


@given(STAGED, st.data())
def test_no_byte_may_change(staged, data):
    body = staged.encode(NAME, ORIGIN, KEY)
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :]
    with pytest.raises(IntegrityError):
        Staged.decode(changed, NAME, VKEY)


@given(st.binary())
def test_anything_else_is_refused(body):
    with pytest.raises(IntegrityError):
        Staged.decode(body, NAME, VKEY)


@pytest.mark.parametrize(
    ("name", "size"), [(NAME, 7), ("7-ab", None), ("", None), ("-1-" + "0" * 64, None), ("x", None)]
)
def test_names(name, size):
    assert size_of(name) == size
