"""Files of a segment: frames, withheld lines, objects."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.export.segments import (
    MAX_LINES,
    ObjectEntry,
    Withheld,
    decompress,
    encode_object,
    encode_withheld,
    is_withheld,
    pack,
    parse_object,
    parse_withheld,
    unpack,
    withhold,
)
from phivault.errors import IntegrityError

LINES = st.lists(st.binary(max_size=50).map(lambda line: line.replace(b"\n", b"")), max_size=20)
ENTRY = ObjectEntry(
    "ev/2026/01/02/03/ab/" + "0" * 32 + "-00000001.json", 700, "a" * 32, "2026-01-02T03:04:05.678Z", 1, 2, 17
)


@given(LINES)
def test_lines_come_back(lines: list[bytes]) -> None:
    assert unpack(pack(lines), MAX_LINES) == lines


@given(LINES, st.binary(min_size=1, max_size=5))
def test_nothing_may_follow_a_frame(lines: list[bytes], more: bytes) -> None:
    for frame in (pack(lines) + more, pack(lines) + pack(lines)):
        with pytest.raises(IntegrityError):
            decompress(frame, MAX_LINES)


@given(st.binary(max_size=200))
def test_hostile_frames_raise_only_our_error(frame: bytes) -> None:
    with contextlib.suppress(IntegrityError):
        decompress(frame, 1000)


def test_half_a_frame_is_refused() -> None:
    frame = pack([b"a line", b"another"])
    for end in range(len(frame)):
        with pytest.raises(IntegrityError):
            decompress(frame[:end], MAX_LINES)


def test_a_bomb_is_refused_before_it_is_opened() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(10_000_000))
    assert len(bomb) < 2_000
    with pytest.raises(IntegrityError, match="larger"):
        decompress(bomb, 9_999_999)


def test_a_frame_that_hides_its_size_is_refused() -> None:
    with pytest.raises(IntegrityError):
        decompress(zstandard.ZstdCompressor(write_content_size=False).compress(b"text\n"), MAX_LINES)


def test_a_last_line_without_end_is_refused() -> None:
    with pytest.raises(IntegrityError, match="no end"):
        unpack(zstandard.ZstdCompressor().compress(b"a\nb"), MAX_LINES)


def test_a_withheld_line_says_what_chain_and_tree_need() -> None:
    shown = withhold(b"line", "c" * 32, 5)
    assert shown == Withheld("c" * 32, 5, hashlib.sha256(b"line").hexdigest(), hashlib.sha256(b"\0line").hexdigest())
    encoded = encode_withheld(shown)
    assert encoded.startswith(b'{"hash":"')
    assert is_withheld(encoded)
    assert parse_withheld(encoded) == shown


@pytest.mark.parametrize("entry", [ENTRY, ObjectEntry(ENTRY.key, 1, ENTRY.etag, ENTRY.modified, 3, 0)])
def test_objects_come_back(entry: ObjectEntry) -> None:
    assert parse_object(encode_object(entry)) == entry


@pytest.mark.parametrize(
    "line",
    [
        encode_object(ENTRY).replace(b'"count":2', b'"count":0'),
        encode_object(ENTRY).replace(b'"count":2', b'"count":2.0'),
        encode_object(ENTRY).replace(b'"count":2', b'"count":2,"count":2'),
        encode_object(ENTRY).replace(b'"versions":1', b'"versions":0'),
        encode_object(ENTRY).replace(b"ev/2026", b"log/2026"),
        encode_object(ENTRY) + b" ",
        b"[]",
        b'"first":',
        b"\xff",
    ],
)
def test_objects_are_read_strictly(line: bytes) -> None:
    with pytest.raises(IntegrityError):
        parse_object(line)


@pytest.mark.parametrize("parse", [parse_object, parse_withheld])
@given(line=st.binary())
def test_hostile_lines_raise_only_our_error(parse: Callable[[bytes], object], line: bytes) -> None:
    with pytest.raises(IntegrityError):
        parse(line)
