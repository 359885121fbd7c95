"""The transaction that makes some resources."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from phivault.cli.imports.journal import Row, own_name
from phivault.cli.imports.links import Names
from phivault.cli.imports.source import Found, at
from phivault.errors import InvalidInput
from phivault.records.json_members import encode, join, join_array
from phivault.records.types import TYPES

MAX_ENTRIES: Final = 500
MAX_BYTES: Final = (4 << 20) - (64 << 10)
"""Of the sources of one chunk, so that with what stands around them it stays within the API's 4 MiB."""
_AROUND: Final = 160
_PERSON: Final = 10
"""As many entries a person weighs: each gets a key of their own, recorded before it is used, and a patient a care team.
A function that is asked for hundreds of them at once would run out of its time."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that are sent together. In a ``circle`` they refer to each other."""

    number: int
    rows: list[Row]
    body: bytes = field(repr=False)
    key: str
    circle: bool


class Sources:
    """The files of the folder, read where a row stands. Raises InvalidInput where one isn't what was scanned."""

    def __init__(self, files: Sequence[Path], salt: bytes) -> None:
        self._files, self._salt = files, salt

    def chunk(self, number: int, rows: list[Row], made: Mapping[int, Mapping[bytes, str]]) -> Chunk:
        """``made`` is of each row what its references lead to from now on: the server's, or an entry beside it."""
        circle = any(place.startswith("urn:") for places in made.values() for place in places.values())
        entries = []
        for row, found in zip(rows, self._read(rows), strict=True):
            names = Names(self._salt, row.file)
            if names.of_content(found) != row.digest:
                raise InvalidInput("A file has changed since the import began")
            resource = found.resource or b""
            request = {"method": "POST", "url": row.type}
            if found.if_none_exist:
                request["ifNoneExist"] = found.if_none_exist
            members = {"request": encode(request), "resource": names.rewritten(resource, made[row.n])}
            entries.append(join(({"fullUrl": encode(own_name(row.n))} if circle else {}) | members))
        body = join({"resourceType": b'"Bundle"', "type": b'"transaction"', "entry": join_array(entries)})
        key = hashlib.sha256(self._salt + number.to_bytes(8) + body).hexdigest()
        return Chunk(number, rows, body, key, circle)

    def _read(self, rows: Sequence[Row]) -> list[Found]:
        open_files: dict[int, BinaryIO] = {}
        try:
            return [self._at(row, open_files) for row in rows]
        except OSError:
            raise InvalidInput("A file can't be read") from None
        finally:
            for file in open_files.values():
                file.close()

    def _at(self, row: Row, open_files: dict[int, BinaryIO]) -> Found:
        path = self._files[row.file]
        if row.file not in open_files:
            open_files[row.file] = path.open("rb")
        file = open_files[row.file]
        file.seek(row.place.offset)
        text = file.read(row.place.length).strip()
        # A Bundle's entries begin after its first byte; a line, or a resource that is the file, doesn't follow one.
        of_bundle = path.suffix == ".json" and row.place.offset > 0
        return at(text, row.number, row.place, of_bundle=of_bundle)


def fitting(rows: Sequence[Row], most: int) -> list[Row]:
    """The first ones that fit into a chunk of at most ``most`` entries; one at least."""
    room, left, taken = MAX_BYTES, most, list[Row]()
    for row in rows:
        room -= row.place.length + _AROUND
        left -= _PERSON if TYPES[row.type].own_subject else 1
        if taken and (room < 0 or left < 0):
            break
        taken.append(row)
    return taken
