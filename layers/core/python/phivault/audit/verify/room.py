"""Memory that one segment after another is unpacked into: fresh pages cost as much time as what is written to them."""

from __future__ import annotations

from threading import local
from typing import Final

import zstandard

from phivault.audit.export.segments import decompress

_PIECE: Final = 4096  # of the frame; what it unpacks to is at most 128 MiB, and mostly stays in a processor's cache


class _Room(local):
    memory = bytearray()


_room: Final = _Room()


def unpack(frame: bytes, limit: int) -> memoryview:
    """``decompress``, but what is returned holds only until this thread's next call. Raises IntegrityError."""
    try:
        return _unpack(frame, limit)
    except (zstandard.ZstdError, MemoryError, _Unclean):
        return memoryview(decompress(frame, limit))  # says what is wrong, if anything is


class _Unclean(Exception):
    """Not one whole frame of the stated size."""


def _unpack(frame: bytes, limit: int) -> memoryview:
    size = zstandard.get_frame_parameters(frame).content_size
    if not 0 < size <= limit:
        raise _Unclean
    if len(_room.memory) < size:
        _room.memory = bytearray(size + size // 8)  # the next one is a little larger or smaller
    unpacking, memory, end = zstandard.ZstdDecompressor().decompressobj(), _room.memory, 0
    view = memoryview(frame)
    for at in range(0, len(frame), _PIECE):
        piece = unpacking.decompress(view[at : at + _PIECE])
        start, end = end, end + len(piece)
        if end > size:
            raise _Unclean
        memory[start:end] = piece
        if unpacking.eof and (unpacking.unused_data or at + _PIECE < len(frame)):
            raise _Unclean
    if end != size or not unpacking.eof:
        raise _Unclean
    return memoryview(memory)[:size].toreadonly()
