from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.crypto.element import Element
from phivault.crypto.header import CODES, Header, encode, parse
from phivault.errors import IntegrityError

SALT = bytes(range(32))


def _header(
    *,
    format: int = 1,
    key_version: int = 1,
    width: int = 2,
    count: int | None = None,
    names_size: int | None = None,
    codes: bytes = b"\x05\x05",
    names: bytes = b"a b",
    lengths: tuple[int, ...] = (0, 40),
) -> bytes:
    fixed = struct.pack(
        ">BI32sBHH",
        format,
        key_version,
        SALT,
        width,
        len(codes) if count is None else count,
        len(names) if names_size is None else names_size,
    )
    packed = b"".join(length.to_bytes(width if width in (2, 4) else 2) for length in lengths)
    return fixed + codes + names + packed


def _filled(header: bytes, lengths: tuple[int, ...] = (0, 40)) -> bytes:
    return header + bytes(32 + sum((length or 32) + 16 for length in lengths))


def test_the_bytes_are_as_documented() -> None:
    elements = [Element("a", "clinical", b"short"), Element("b", "clinical", bytes(40))]
    assert encode(1, SALT, elements) == _header()
    layout = parse(_filled(_header()))
    assert layout.raw == _header()
    start = len(_header()) + 32
    assert layout.table.slots == (
        ("a", 0, bytes(12), start, start + 48),
        ("b", 40, bytes(11) + b"\x01", start + 48, start + 104),
    )
    assert Header(1, layout.table).elements == (("a", "clinical", 0), ("b", "clinical", 40))


def test_a_value_of_64_kib_takes_wide_lengths() -> None:
    elements = [Element("a", "clinical", b""), Element("b", "clinical", bytes(65536))]
    assert encode(1, SALT, elements) == _header(width=4, lengths=(0, 65536))
    assert encode(1, SALT, [elements[0], Element("b", "clinical", bytes(65535))]) == _header(lengths=(0, 65535))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 0},
        {"format": 2},
        {"key_version": 0},
        {"width": 0},
        {"width": 1},
        {"width": 3},
        {"width": 4},
        {"count": 0},
        {"count": 1},
        {"count": 3},
        {"count": 65535},
        {"names_size": 0},
        {"names_size": 2},
        {"names_size": 4},
        {"names_size": 65535},
        {"codes": b"\x00\x05"},
        {"codes": b"\x05\x07"},
        {"codes": b"\x05\xff"},
        {"names": b"a a"},
        {"names": b"a  "},
        {"names": b" ab"},
        {"names": b"abc"},
        {"names": b"a b c"},
        {"names": b"a\nb"},
        {"names": b"a \x00"},
        {"names": b"a \xe9"},
        {"names": b"a " + b"b" * 65},
        {"lengths": (0, 1)},
        {"lengths": (31, 40)},
    ],
    ids=str,
)
def test_a_header_of_another_form_is_refused(change: dict[str, int]) -> None:
    lengths = change.get("lengths", (0, 40))
    with pytest.raises(IntegrityError):
        parse(_filled(_header(**change), lengths))


def test_wide_lengths_above_the_limit_are_refused() -> None:
    with pytest.raises(IntegrityError):
        parse(_filled(_header(width=4, lengths=(0, 1 << 22)), (0, 1 << 22)))
    with pytest.raises(IntegrityError):
        parse(_header(width=4, lengths=(0xFFFFFFFF, 0xFFFFFFFF)) + bytes(100))


def test_an_envelope_above_8_mib_is_refused_before_its_table_is_read() -> None:
    with pytest.raises(IntegrityError, match="too large"):
        parse(b"\x01" + bytes(8 << 20))


def test_more_elements_than_the_limit_are_refused() -> None:
    names = b" ".join(b"n%d" % n for n in range(1025))
    lengths = (0,) * 1025
    with pytest.raises(IntegrityError):
        parse(_filled(_header(codes=b"\x01" * 1025, names=names, lengths=lengths), lengths))


# Mostly valid headers, so that many are accepted.
small = st.integers(0, 70)


@settings(max_examples=400, deadline=None)
@given(
    codes=st.lists(st.integers(0, 7), min_size=1, max_size=3).map(bytes),
    names=st.lists(st.sampled_from(["a", "b", "c", "name", ""]), min_size=1, max_size=3).map(lambda n: " ".join(n)),
    lengths=st.lists(st.sampled_from([0, 0, 1, 31, 32, 33, 65535, 65536]), min_size=1, max_size=3),
    key_version=st.integers(0, 2),
)
def test_accepted_bytes_encode_to_themselves(codes: bytes, names: str, lengths: list[int], key_version: int) -> None:
    width = 4 if max(lengths) > 65535 else 2
    header = _header(codes=codes, names=names.encode(), lengths=tuple(lengths), key_version=key_version, width=width)
    envelope = _filled(header, tuple(lengths))
    try:
        layout = parse(envelope)
    except IntegrityError:
        return
    listed = Header(layout.key_version, layout.table).elements
    again = [Element(element.name, element.data_class, bytes(element.length)) for element in listed]
    assert encode(layout.key_version, layout.salt, again) == header
    assert [CODES[element.data_class] for element in listed] == list(codes)
