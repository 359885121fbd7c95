"""Unpacking into memory that is used again accepts exactly what unpacking into new memory does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.export.segments import decompress, pack
from phivault.audit.verify.room import unpack
from phivault.errors import IntegrityError

LIMIT = 1 << 20
FRAME = pack([b"%d" % (number * number) for number in range(20_000)])


def outcome(read: Callable[[bytes, int], bytes | memoryview], frame: bytes, limit: int = LIMIT) -> bytes | str:
    try:
        return bytes(read(frame, limit))
    except IntegrityError as error:
        return error.detail or error.title


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        pack([]),
        pack([b"x"]),
        FRAME[:-1],
        FRAME[:5],
        FRAME + b"\0",
        FRAME + bytes(5000),
        FRAME + FRAME,
        FRAME + pack([]),
        pack([]) + FRAME,
        b"",
        b"text",
        zstandard.ZstdCompressor(write_content_size=False).compress(b"x\n"),
        pack([bytes(LIMIT)]),
    ],
)
def test_agrees_with_decompress(frame: bytes) -> None:
    assert outcome(unpack, frame) == outcome(decompress, frame)


@given(at=st.integers(0, len(FRAME) - 1), bits=st.integers(1, 255))
def test_agrees_about_every_change(at: int, bits: int) -> None:
    frame = FRAME[:at] + bytes([FRAME[at] ^ bits]) + FRAME[at + 1 :]
    assert outcome(unpack, frame) == outcome(decompress, frame)


def test_what_a_longer_one_left_is_not_seen() -> None:
    assert len(unpack(FRAME, LIMIT)) > 100
    assert bytes(unpack(pack([b"a", b"b"]), LIMIT)) == b"a\nb\n"


def test_what_is_returned_cannot_be_written() -> None:
    assert unpack(FRAME, LIMIT).readonly
