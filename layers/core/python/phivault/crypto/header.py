"""The header of an envelope: which key opens it and what it holds. docs/envelope-format.md gives the bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from phivault.crypto.element import Element
from phivault.crypto.padding import BLOCK
from phivault.errors import ContentTooLarge, IntegrityError, InvalidInput

FORMAT_VERSION = 1
SALT_BYTES = 32
COMMITMENT_BYTES = 32
TAG_BYTES = 16
MAX_ELEMENTS = 1024
MAX_NAME = 64
MAX_VALUE = (1 << 22) - 1
MAX_ENVELOPE = 8 << 20

# Codes are part of the format: never reuse one.
CODES = {"administrative": 1, "deidentified": 2, "contact": 3, "identifying": 4, "clinical": 5, "sensitive": 6}

_CLASSES = {code: name for name, code in CODES.items()}
_FIXED = struct.Struct(">BI32sBHH")
_WIDTHS = {2: "H", 4: "I"}
_HIDDEN_LENGTHS = range(1, BLOCK)


class ElementHeader(NamedTuple):
    """``length`` in bytes; 0 where the value is shorter than 32 bytes, and how much shorter stays sealed."""

    name: str
    data_class: str
    length: int


@dataclass(frozen=True, slots=True)
class Header:
    """What an envelope says of itself without a key. Only unsealing proves it."""

    key_version: int
    elements: tuple[ElementHeader, ...]


class Slot(NamedTuple):
    """An element as its header lists it (``length`` as in ElementHeader), with its nonce and its place."""

    name: str
    data_class: str
    length: int
    nonce: bytes
    place: slice


class Table(NamedTuple):
    """What a header lists: the elements, for the reader and for unsealing, where the commitment lies, and the size of
    the whole envelope."""

    elements: tuple[ElementHeader, ...]
    slots: tuple[Slot, ...]
    commitment: slice
    size: int


class Layout(NamedTuple):
    """A parsed header; ``raw`` is its bytes."""

    key_version: int
    salt: bytes
    raw: bytes
    table: Table


# A GCM nonce must never serve two messages under one key. Here it is the element's position, because the key serves
# one envelope only: it is derived under a 32-byte salt that seal draws itself and never takes from outside, so two
# envelopes share a key only if 256 random bits repeat. No number of seals wears a subject key out.
NONCES = [position.to_bytes(12) for position in range(MAX_ELEMENTS)]


def encode(key_version: int, salt: bytes, elements: Sequence[Element]) -> bytes:
    """The header of these elements. InvalidInput or ContentTooLarge, naming the rule, if the format can't hold them."""
    count = len(elements)
    if not 1 <= count <= MAX_ELEMENTS:
        raise InvalidInput("An envelope holds 1 to 1024 elements")
    lengths = [length if (length := len(element.value)) >= BLOCK else 0 for element in elements]
    longest = max(lengths)
    if longest > MAX_VALUE:
        raise ContentTooLarge("An element is 4 MiB or larger")
    codes = _codes(tuple([element.data_class for element in elements]))
    names = _join(tuple([element.name for element in elements]))
    width = _width(longest)
    fixed = _FIXED.pack(FORMAT_VERSION, key_version, salt, width, count, len(names))
    return b"".join((fixed, codes, names, struct.pack(f">{count}{_WIDTHS[width]}", *lengths)))


def parse(envelope: bytes) -> Layout:
    """Read the header strictly: what this accepts, ``encode`` makes. IntegrityError otherwise.

    The lengths in the header account for every byte of the envelope, none is left over.
    """
    if envelope[:1] != b"\x01":
        raise IntegrityError("The envelope's format version is unknown")
    if len(envelope) > MAX_ENVELOPE:
        raise IntegrityError("The envelope is too large")
    try:
        _, key_version, salt, width, count, names_size = _FIXED.unpack_from(envelope)
        raw = envelope[: _FIXED.size + count + names_size + count * width]
        table = _table(width, count, names_size, raw[_FIXED.size :])
    except (struct.error, LookupError, ValueError):
        raise IntegrityError("The envelope's header is not valid") from None
    if key_version == 0:
        raise IntegrityError("The envelope's header is not valid")
    if table.size != len(envelope):
        raise IntegrityError("The envelope's length is not what its header says")
    return Layout(key_version, salt, raw, table)


# An envelope's header is read twice, to decide and to open, and resources of one type have few shapes. What these
# keep is what an envelope shows to everyone.
@lru_cache(maxsize=128)
def _codes(classes: tuple[str, ...]) -> bytes:
    try:
        return bytes([CODES[name] for name in classes])
    except KeyError:
        raise InvalidInput("An element's data class is unknown") from None


@lru_cache(maxsize=128)
def _join(names: tuple[str, ...]) -> bytes:
    text = " ".join(names)
    if not _valid(names, text):
        raise InvalidInput("Element names are unique and have 1 to 64 visible ASCII characters")
    return text.encode("ascii")


@lru_cache(maxsize=128)
def _table(width: int, count: int, names_size: int, raw: bytes) -> Table:
    """ValueError, LookupError or struct.error if ``encode`` doesn't write it so."""
    lengths = struct.unpack_from(f">{count}{_WIDTHS[width]}", raw, count + names_size)
    classes = [_CLASSES[code] for code in raw[:count]]
    text = raw[count : count + names_size].decode("ascii")
    names = text.split(" ")
    if not 1 <= count == len(names) <= MAX_ELEMENTS or not _valid(names, text):
        raise ValueError
    if max(lengths) > MAX_VALUE or width != _width(max(lengths)) or any(n in _HIDDEN_LENGTHS for n in lengths):
        raise ValueError
    start = _FIXED.size + len(raw)
    commitment = slice(start, start + COMMITMENT_BYTES)
    sizes = [(length or BLOCK) + TAG_BYTES for length in lengths]
    edges = list(accumulate(sizes, initial=commitment.stop))
    places = map(slice, edges, edges[1:])
    elements = tuple(map(ElementHeader, names, classes, lengths))
    slots = tuple(map(Slot, names, classes, lengths, NONCES, places))
    return Table(elements, slots, commitment, edges[-1])


def _width(longest: int) -> int:
    return 2 if longest < 1 << 16 else 4


def _valid(names: Sequence[str], text: str) -> bool:
    """``text`` is the names joined by one space each."""
    return (
        text.isascii()
        and text.isprintable()
        and text.count(" ") == len(names) - 1
        and len(set(names)) == len(names)
        and all(1 <= len(name) <= MAX_NAME for name in names)
    )
