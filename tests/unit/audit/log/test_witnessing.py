"""The text of a request to a witness (C2SP tlog-witness), read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.log.witnessing import MAX_REQUEST, Request, encode_request, parse_request
from phivault.errors import InvalidInput

VECTORS = Path(__file__).resolve().parents[3] / "vectors" / "audit" / "log"
EXAMPLE = (VECTORS / "witness_request.txt").read_text("utf-8")
"""Of the specification."""
HASH = EXAMPLE.splitlines()[1]


def test_the_specification_s_example():
    request = parse_request(EXAMPLE)
    assert (request.old, len(request.proof)) == (20852014, 4)
    assert request.note.startswith(b"example.com/behind-the-sofa\n20852163\n")
    assert encode_request(request.old, request.proof, request.note) == EXAMPLE


def test_as_many_hashes_as_allowed():
    assert len(parse_request("old 1\n" + f"{HASH}\n" * 63 + "\nnote").proof) == 63


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n\n",
        "old 0\n",
        "old 0\nnote\n",
        "old\n\nnote",
        "old \n\nnote",
        "old 01\n\nnote",
        "old +1\n\nnote",
        "old -1\n\nnote",
        "old 1 \n\nnote",
        "old ١\n\nnote",
        "old 9223372036854775808\n\nnote",
        "old 1\r\n\r\nnote",
        "OLD 1\n\nnote",
        f"old 1\n{HASH} \n\nnote",
        f"old 1\n{HASH[:-1]}\n\nnote",
        f"old 1\n{HASH[:-2]}x=\n\nnote",
        "old 1\nAAAA\n\nnote",
        "old 1\n" + f"{HASH}\n" * 64 + "\nnote",
        "old 1\n\n\ud800",
        "old 1\n\n" + "x" * MAX_REQUEST,
    ],
)
def test_anything_else_is_refused(body: str):
    with pytest.raises(InvalidInput):
        parse_request(body)


@given(st.text(max_size=300) | st.text(alphabet="old 019=/+A\n", max_size=100))
def test_what_is_accepted_is_its_only_spelling(body: str):
    try:
        request = parse_request(body)
    except InvalidInput:
        return
    assert encode_request(request.old, request.proof, request.note) == body


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=200),
)
def test_a_request_comes_back_as_it_was(old: int, proof: list[bytes], note: str):
    assert parse_request(encode_request(old, proof, note.encode())) == Request(old, tuple(proof), note.encode())
