"""What the files of a segment hold: lines of the log, or what stands for a withheld one, and the objects of those."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final, NoReturn

import zstandard

from phivault.audit.canonical import MAX_LINE
from phivault.audit.export import layout
from phivault.errors import IntegrityError

VERSION: Final = 1
MAX_LINES: Final = layout.SEGMENT * (MAX_LINE + 1)
"""Bytes that the lines of a segment can have; a frame that claims more isn't opened."""

MAX_OBJECT: Final = 512
MAX_OBJECTS: Final = layout.SEGMENT * (MAX_OBJECT + 1)

_MAX_INT: Final = 2**53 - 1
_LEVEL: Final = 3
_COMPRESSOR_PARAMETERS: Final = zstandard.ZstdCompressionParameters.from_level(
    _LEVEL, write_content_size=True, write_checksum=False
)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Stands for another tenant's line: its place in its writer's chain, its SHA-256 (``hash``), which the next line's
    ``prev`` repeats, and its leaf hash, both in hex."""

    writer: str
    sequence: int
    hash: str
    leaf: str


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """An object of the audit bucket as S3 listed it (phivault.audit.log.store.StoredObject), the leaf of its first
    line (None where the log lacks it) and how many lines it has in the log from there on (0 where it lacks it)."""

    key: str
    size: int
    etag: str
    modified: str
    versions: int
    count: int
    first: int | None = None


def withhold(line: bytes, writer: str, sequence: int) -> Withheld:
    """What stands for ``line`` (without newline) in another tenant's export."""
    return Withheld(writer, sequence, hashlib.sha256(line).hexdigest(), hashlib.sha256(b"\x00" + line).hexdigest())


def encode_withheld(withheld: Withheld) -> bytes:
    """Canonical, without a newline. Raises IntegrityError naming the field that breaks the schema."""
    return _encode(asdict(withheld) | {"kind": "withheld", "v": VERSION}, _WITHHELD)


def parse_withheld(line: bytes) -> Withheld:
    """Raises IntegrityError for anything but such a line of this version."""
    members = _parse(line, MAX_LINE, _WITHHELD)
    return Withheld(**{name: value for name, value in members.items() if name not in ("kind", "v")})


def is_withheld(line: bytes) -> bool:
    """Whether a line claims to be withheld: an event can't hold this text, its strings have no quotes."""
    return b'"kind":"withheld"' in line


def encode_object(entry: ObjectEntry) -> bytes:
    """Canonical, without a newline. Raises IntegrityError naming the field that breaks the schema."""
    members = {name: value for name, value in asdict(entry).items() if value is not None}
    return _encode(members, _SEALED if entry.first is not None else _UNSEALED)


def parse_object(line: bytes) -> ObjectEntry:
    """Raises IntegrityError for anything but such a line."""
    return ObjectEntry(**_parse(line, MAX_OBJECT, _SEALED if b'"first":' in line else _UNSEALED))


def pack(lines: Iterable[bytes]) -> bytes:
    """One zstd frame, with its content size, of the lines, each followed by a newline."""
    body = b"".join(line + b"\n" for line in lines)
    return zstandard.ZstdCompressor(compression_params=_COMPRESSOR_PARAMETERS).compress(body)


def unpack(frame: bytes, limit: int) -> list[bytes]:
    """The lines of one frame, without newlines. ``limit`` is in bytes and checked before anything is allocated.

    Raises IntegrityError unless it is exactly one whole frame of no more than that, whose last line is ended.
    """
    lines = decompress(frame, limit).split(b"\n")
    if lines.pop():
        raise IntegrityError("The last line of a file has no end")
    return lines


def decompress(frame: bytes, limit: int) -> bytes:
    """The content of one frame that states its size, at most ``limit`` bytes. Raises IntegrityError."""
    try:
        size = zstandard.get_frame_parameters(frame).content_size
        if size > limit:  # a frame that doesn't say has the largest number here
            raise IntegrityError("A compressed file is larger than it may be")
        if not size:
            return _nothing(frame)
        return zstandard.ZstdDecompressor().decompress(frame, read_across_frames=False, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError):
        raise IntegrityError("A compressed file is not one whole zstd frame") from None


def _nothing(frame: bytes) -> bytes:
    # The library answers at once for a stated size of 0, whatever follows.
    if frame != pack([]):
        raise IntegrityError("A compressed file is not one whole zstd frame")
    return b""


def _pattern(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _integer(lowest: int, most: int = _MAX_INT) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and lowest <= value <= most


_HASH = _pattern("[0-9a-f]{64}")
_WITHHELD: Final[dict[str, Callable[[Any], bool]]] = {
    "hash": _HASH,
    "kind": _pattern("withheld"),
    "leaf": _HASH,
    "sequence": _integer(1),
    "v": _integer(VERSION, VERSION),
    "writer": _pattern("[0-9a-f]{32}"),
}
_UNSEALED: Final[dict[str, Callable[[Any], bool]]] = {
    "count": _integer(0, 0),
    "etag": _pattern("[0-9a-f]{32}(-[0-9]{1,5})?"),
    "key": _pattern("ev/[!#-\\[\\]-~]{1,256}"),
    "modified": _pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "size": _integer(0),
    "versions": _integer(1),
}
_SEALED: Final = _UNSEALED | {"count": _integer(1, layout.SEGMENT), "first": _integer(0, layout.MAX_SIZE)}


def _encode(members: dict[str, Any], schema: dict[str, Callable[[Any], bool]]) -> bytes:
    if members.keys() != schema.keys():
        raise IntegrityError("A line of an export has a missing or an unknown field")
    for name, holds in schema.items():
        if not holds(members[name]):
            raise IntegrityError(f"A line of an export breaks the schema at {name}")
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode("ascii")


def _parse(line: bytes, most: int, schema: dict[str, Callable[[Any], bool]]) -> dict[str, Any]:
    if len(line) > most:
        raise IntegrityError("A line of an export is too long")
    try:
        members = json.loads(line.decode("ascii"), parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise IntegrityError("A line of an export is not JSON") from None
    # A repeated key doesn't survive: then the encoding differs.
    if not isinstance(members, dict) or _encode(members, schema) != line:
        raise IntegrityError("A line of an export is not canonical")
    return members


def _refuse(_: str) -> NoReturn:
    raise ValueError("not an integer")
