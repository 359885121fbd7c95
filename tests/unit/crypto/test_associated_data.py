from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from phivault.crypto.associated_data import associated_data
from phivault.crypto.element import SealContext

contexts = st.builds(SealContext, *[st.text("a|/#\0", max_size=3)] * 4, st.sampled_from([0, 1, 97, (1 << 64) - 1]))


@given(contexts, contexts)
def test_no_two_contexts_have_the_same_bytes(one: SealContext, two: SealContext) -> None:
    assert (associated_data(one, b"h") == associated_data(two, b"h")) == (one == two)


def test_the_bytes_are_as_documented() -> None:
    context = SealContext("t", "Patient/p", "Observation", "o-1", 258)
    assert associated_data(context, b"header") == (
        bytes.fromhex("0001 0009 000b 0003 0000000000000102")
        + b"tPatient/pObservationo-1"
        + hashlib.sha256(b"header").digest()
    )
