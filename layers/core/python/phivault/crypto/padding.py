"""Padding: all values under 32 bytes are sealed as 32 bytes, so that a sealed length tells nothing about them.

Short values have few possibilities: 6 and 8 bytes of JSON are ``"male"`` and ``"female"``. Longer values stay as
they are.
"""

from __future__ import annotations

from phivault.errors import IntegrityError

BLOCK = 32

_LENGTHS = [bytes((length,)) for length in range(BLOCK)]
_ZEROS = [bytes(BLOCK - 1 - length) for length in range(BLOCK)]


def pad(value: bytes) -> bytes:
    """One byte of length (0 to 31), the value, zeros up to 32 bytes."""
    length = len(value)
    return _LENGTHS[length] + value + _ZEROS[length]


def unpad(block: bytes) -> bytes:
    """The value in a block of 32 bytes. IntegrityError if it isn't what ``pad`` makes."""
    length = block[0]
    if length >= BLOCK or block[length + 1 :] != _ZEROS[length]:
        del block  # or a traceback with locals would show it
        raise IntegrityError("A sealed value's padding is not valid")
    return block[1 : length + 1]
