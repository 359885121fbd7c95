"""Values of a JSON document that is too large to hold: found by their places, without being understood.

What a value says is read by ``records.json_members``, which is strict. Here only strings and brackets count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from phivault.errors import InvalidInput

BLOCK: Final = 1 << 18
_SPACE: Final = re.compile(rb"[ \t\n\r]*")
_STEP: Final = re.compile(rb'["{}\[\]]')
_IN_STRING: Final = re.compile(rb'["\\]')
_SCALAR_END: Final = re.compile(rb"[,\]}\s]")


@dataclass(frozen=True, slots=True)
class Place:
    """``length`` bytes of a file from ``offset`` on."""

    offset: int
    length: int


class Scanner:
    """Goes forward through one document. Holds the value that it is at up to ``limit`` bytes, else passes over it."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file, self._limit = file, limit
        self._held = bytearray()
        self._start = 0  # where in the file what is held begins
        self._at = 0  # in what is held
        self._passed = 0  # of a value that is too large, what isn't held any more
        self._ended = False

    def expect(self, wanted: bytes) -> None:
        if self.peek() != wanted:
            raise InvalidInput("The file is not JSON")
        self._at += 1

    def peek(self) -> bytes:
        """The next byte that isn't space; none at the end."""
        while True:
            space = _SPACE.match(self._held, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._held):
                return bytes(self._held[self._at : self._at + 1])
            self._forget()
            if not self._more():
                return b""

    def value(self) -> tuple[Place, bytes | None]:
        """The next value: where it stands, and its bytes, None where it is larger than the limit."""
        first = self.peek()
        self._forget()
        offset, self._passed = self._start, 0
        if first in (b'"', b"{", b"["):
            self._nested()
        else:
            self._scalar()
        place = Place(offset, self._passed + self._at)
        if not place.length:
            raise InvalidInput("The file is not JSON")
        return place, None if place.length > self._limit else bytes(self._held[: self._at])

    def _nested(self) -> None:
        """To the end of a string, an object or an array."""
        depth, in_string = 0, False
        while depth or in_string or not (self._at or self._passed):
            found = (_IN_STRING if in_string else _STEP).search(self._held, self._at)
            if found is None:
                self._further()
                continue
            byte, self._at = found[0], found.end()
            if byte == b"\\":
                while self._at >= len(self._held):
                    self._further()
                self._at += 1  # what is escaped, a quote perhaps
            elif byte == b'"':
                in_string = not in_string
            else:
                depth += 1 if byte in b"{[" else -1

    def _further(self) -> None:
        """More of a value that doesn't end in what is held; of one that is too large, that alone."""
        self._at = len(self._held)
        if self._at > self._limit:
            self._passed += self._at
            self._forget()
        if not self._more():
            raise InvalidInput("The file ends within a value")

    def _scalar(self) -> None:
        """To the end of a number or a word: none is near the limit but in a file that isn't JSON."""
        while (found := _SCALAR_END.search(self._held)) is None:
            if len(self._held) > self._limit:
                raise InvalidInput("The file is not JSON")
            if not self._more():
                break
        self._at = len(self._held) if found is None else found.start()

    def items(self) -> Iterator[tuple[Place, bytes | None]]:
        """The values of the array that begins here."""
        self.expect(b"[")
        more = self.peek() != b"]"
        while more:
            yield self.value()
            more = self.peek() == b","
            if more:
                self.expect(b",")
        self.expect(b"]")

    def _forget(self) -> None:
        del self._held[: self._at]
        self._start += self._at
        self._at = 0

    def _more(self) -> bool:
        block = b"" if self._ended else self._file.read(BLOCK)
        self._ended = not block
        self._held += block
        return bool(block)
