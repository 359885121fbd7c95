"""The resources of a folder, each with the place where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from phivault.cli.imports.scan import Place, Scanner
from phivault.errors import InvalidInput
from phivault.records.json_members import parse, split

MAX_BYTES: Final = 4 << 20
"""Of a resource: the most that a transaction takes."""
_BUNDLES: Final = frozenset({"transaction", "batch", "collection", "searchset"})


@dataclass(frozen=True, slots=True)
class Found:
    """A resource, or why there is none. ``number`` is its line, or its place among a Bundle's entries, from 1 on;
    ``place`` that of the line or entry. Prints without what stands there."""

    number: int
    place: Place
    resource: bytes | None = field(default=None, repr=False)
    full_url: str = field(default="", repr=False)
    if_none_exist: str = field(default="", repr=False)
    refused: str = ""


def files(folder: Path) -> list[Path]:
    """Its NDJSON and JSON files, those of its folders too, in order. Links aren't followed."""
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder")
    found = sorted(path for path in folder.rglob("*") if path.suffix in (".ndjson", ".json"))
    return [path for path in found if path.is_file() and not path.is_symlink()]


def resources(file: BinaryIO, name: str) -> Iterator[Found]:
    """Raises InvalidInput for a JSON file that ends early or isn't one: what was found before it stands."""
    return _lines(file) if name.endswith(".ndjson") else _document(file)


def at(text: bytes, number: int, place: Place, *, of_bundle: bool) -> Found:
    """What stands in a line, or in an entry of a Bundle."""
    try:
        return _entry(text, number, place) if of_bundle else _resource(text, number, place)
    except InvalidInput as error:
        return Found(number, place, refused=error.detail)


def _lines(file: BinaryIO) -> Iterator[Found]:
    number = offset = 0
    while line := file.readline(MAX_BYTES + 1):
        number, length = number + 1, len(line)
        while not line.endswith(b"\n") and length > MAX_BYTES and (rest := file.readline(MAX_BYTES)):
            length += len(rest)
            if rest.endswith(b"\n"):
                break
        place = Place(offset, length)
        offset += length
        if length > MAX_BYTES:
            yield Found(number, place, refused="The line is too large")
        elif line.strip():
            yield at(line.strip(), number, place, of_bundle=False)


def _document(file: BinaryIO) -> Iterator[Found]:
    """A Bundle's entries, wherever they stand in it, or the one resource that the file is."""
    scanner, kind, is_bundle, seen = Scanner(file, MAX_BYTES), "", False, False
    scanner.expect(b"{")
    more = scanner.peek() != b"}"
    while more:
        _, raw = scanner.value()
        name = parse(raw) if raw else None
        scanner.expect(b":")
        if name == "entry":
            seen = True
            yield from _entries(scanner)
        else:
            _, raw = scanner.value()
            if name == "resourceType":
                is_bundle = raw == b'"Bundle"'
            elif name == "type" and raw and raw.startswith(b'"'):
                kind = str(parse(raw))
        more = scanner.peek() == b","
        if more:
            scanner.expect(b",")
    scanner.expect(b"}")
    if scanner.peek():
        raise InvalidInput("The file holds more than one document: that is NDJSON")
    if is_bundle and kind not in _BUNDLES:
        raise InvalidInput("The Bundle is none of transaction, batch, collection, searchset")
    if seen and not is_bundle:
        raise InvalidInput("The file is neither a Bundle nor a resource")
    if not is_bundle:
        yield from _alone(file)


def _entries(scanner: Scanner) -> Iterator[Found]:
    for number, (place, raw) in enumerate(scanner.items(), start=1):
        if raw is None:
            yield Found(number, place, refused="The entry is too large")
        else:
            yield at(raw, number, place, of_bundle=True)


def _alone(file: BinaryIO) -> Iterator[Found]:
    file.seek(0)
    text = file.read(MAX_BYTES + 1)
    place = Place(0, len(text))
    if len(text) > MAX_BYTES:
        yield Found(1, place, refused="The file is too large for a resource")
    else:
        yield at(text, 1, place, of_bundle=False)


def _entry(raw: bytes, number: int, place: Place) -> Found:
    entry = split(raw)
    request = split(entry["request"]) if "request" in entry else {}
    method = _text(request, "method") or "POST"
    if method not in ("POST", "PUT"):
        raise InvalidInput("The entry is neither a POST nor a PUT")
    if "resource" not in entry:
        raise InvalidInput("The entry brings no resource")
    full_url, if_none_exist = _text(entry, "fullUrl"), _text(request, "ifNoneExist")
    return Found(number, place, entry["resource"], full_url, if_none_exist)


def _resource(text: bytes, number: int, place: Place) -> Found:
    split(text)
    return Found(number, place, text)


def _text(members: dict[str, bytes], name: str) -> str:
    value = parse(members[name]) if name in members else ""
    return value if isinstance(value, str) else ""
