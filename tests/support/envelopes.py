"""Finding sealed envelopes among other bytes (docs/envelope-format.md)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

START = 48
VERSION = re.compile(rb"\x01\x00\x00\x00.")
RUN = re.compile(rb"AQAAA[A-Za-z0-9+/_-]{59,}")
"""The version of the format and the first bytes of a key's version, in base64."""


def starts(data: bytes) -> Iterator[bytes]:
    """The first bytes of whatever may be an envelope: the salt among them tells which. As bytes, or in base64."""
    for found in VERSION.finditer(data):
        yield data[found.start() : found.start() + START]
    for found in RUN.finditer(data):
        yield base64.b64decode(found[0][:64].replace(b"-", b"+").replace(b"_", b"/"))[:START]
