"""The header of an envelope: which key opens it and what it holds. docs/envelope-format.md gives the bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
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
_HIDDEN_LENGTHS = frozenset(range(1, BLOCK))

# A GCM nonce must never serve two messages under one key. Here it is the element's position, because the key serves
# one envelope only: it is derived under a 32-byte salt that seal draws itself and never takes from outside, so two
# envelopes share a key only if 256 random bits repeat. No number of seals wears a subject key out.
NONCES = [position.to_bytes(12) for position in range(MAX_ELEMENTS)]

# How to open an element: name, length (as in ElementHeader), nonce, start and end in the envelope. A plain tuple, the
# quickest to make and to unpack: opening goes through all of them.
type Slot = tuple[str, int, bytes, int, int]


def class_named(code: int) -> str | None:
    """The data class that a code stands for; None for no code of the format."""
    return _CLASSES.get(code)


class ElementHeader(NamedTuple):
    """``length`` in bytes; 0 where the value is shorter than 32 bytes, and how much shorter stays sealed."""

    name: str
    data_class: str
    length: int


class Shape(NamedTuple):
    """What many envelopes share: names and data classes, their bytes in the header, and by the width of a length the
    format (of struct) of one length per element."""

    names: tuple[str, ...]
    classes: tuple[str, ...]
    listed: bytes
    formats: dict[int, str]


class Table(NamedTuple):
    """All that a header lists, where the commitment lies and the size of the whole envelope."""

    shape: Shape
    lengths: tuple[int, ...]
    slots: tuple[Slot, ...]
    commitment: slice
    size: int


@dataclass(slots=True)
class Layout:
    """A parsed header; ``raw`` is its bytes."""

    key_version: int
    salt: bytes
    raw: bytes
    table: Table


@dataclass(frozen=True, slots=True)
class Header:
    """What an envelope says of itself without a key. Only unsealing proves it."""

    key_version: int
    table: Table = field(repr=False)

    @property
    def elements(self) -> tuple[ElementHeader, ...]:
        return tuple(map(ElementHeader, self.table.shape.names, self.table.shape.classes, self.table.lengths))


def encode(key_version: int, salt: bytes, elements: Sequence[Element]) -> bytes:
    """The header of these elements. InvalidInput or ContentTooLarge, naming the rule, if the format can't hold them."""
    shape = _shape(tuple([element.name for element in elements]), tuple([element.data_class for element in elements]))
    lengths = [length if (length := len(element.value)) >= BLOCK else 0 for element in elements]
    try:
        width, packed = 2, struct.pack(shape.formats[2], *lengths)
    except struct.error:
        if max(lengths) > MAX_VALUE:
            raise ContentTooLarge("An element is 4 MiB or larger") from None
        width, packed = 4, struct.pack(shape.formats[4], *lengths)
    count, names_size = len(lengths), len(shape.listed) - len(lengths)
    return _FIXED.pack(FORMAT_VERSION, key_version, salt, width, count, names_size) + shape.listed + packed


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
    except (struct.error, LookupError, ValueError, InvalidInput):
        raise IntegrityError("The envelope's header is not valid") from None
    if key_version == 0:
        raise IntegrityError("The envelope's header is not valid")
    if table.size != len(envelope):
        raise IntegrityError("The envelope's length is not what its header says")
    return Layout(key_version, salt, raw, table)


# A header is read twice, to decide and to open, and resources of one type have few shapes. What these two keep is
# what an envelope shows to everyone.
@lru_cache(maxsize=128)
def _table(width: int, count: int, names_size: int, raw: bytes) -> Table:
    """Of a header's bytes after the fixed ones. Raises what ``parse`` expects if ``encode`` doesn't write them so."""
    shape = _read_shape(count, raw[: count + names_size])
    lengths = struct.unpack_from(shape.formats[width], raw, len(shape.listed))
    if not _HIDDEN_LENGTHS.isdisjoint(lengths) or (width == 4 and not 1 << 16 <= max(lengths) <= MAX_VALUE):
        raise ValueError
    start = _FIXED.size + len(raw)
    sealed = start + COMMITMENT_BYTES
    edges = list(accumulate([(length or BLOCK) + TAG_BYTES for length in lengths], initial=sealed))
    slots = tuple(zip(shape.names, lengths, NONCES, edges, edges[1:], strict=False))
    return Table(shape, lengths, slots, slice(start, sealed), edges[-1])


@lru_cache(maxsize=128)
def _read_shape(count: int, listed: bytes) -> Shape:
    names = tuple(listed[count:].decode("ascii").split(" "))
    shape = _shape(names, tuple([_CLASSES[code] for code in listed[:count]]))
    if shape.listed != listed:
        raise ValueError
    return shape


@lru_cache(maxsize=128)
def _shape(names: tuple[str, ...], classes: tuple[str, ...]) -> Shape:
    count = len(names)
    if not 1 <= count == len(classes) <= MAX_ELEMENTS:
        raise InvalidInput("An envelope holds 1 to 1024 elements")
    text = " ".join(names)
    if not _valid(names, text):
        raise InvalidInput("Element names are unique and have 1 to 64 visible ASCII characters")
    try:
        codes = bytes([CODES[name] for name in classes])
    except KeyError:
        raise InvalidInput("An element's data class is unknown") from None
    return Shape(names, classes, codes + text.encode("ascii"), {2: f">{count}H", 4: f">{count}I"})


def _valid(names: Sequence[str], text: str) -> bool:
    """``text`` is the names joined by one space each."""
    return (
        text.isascii()
        and text.isprintable()
        and text.count(" ") == len(names) - 1
        and len(set(names)) == len(names)
        and all(1 <= len(name) <= MAX_NAME for name in names)
    )
