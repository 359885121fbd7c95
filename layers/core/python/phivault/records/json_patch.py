"""JSON Patch (RFC 6902) on the members of a resource, whose bytes stay where no operation writes.

The library ``jsonpatch`` does the single operations. Around it stand bounds, which it hasn't, and errors of ours: its
own quote values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

from jsonpatch import JsonPatch, JsonPatchException
from jsonpointer import JsonPointer, JsonPointerException

from phivault.errors import ContentTooLarge, InvalidInput, Unprocessable
from phivault.records.json_members import MAX_DEPTH, split, split_array

MAX_OPERATIONS = 100
MAX_TOKENS = 32
"""How many steps a pointer may have."""
_NEEDS = {
    "add": "value",
    "replace": "value",
    "test": "value",
    "move": "from",
    "copy": "from",
    "remove": "path",
}
_UNREAD = object()
"""Stands in the document for a member that no operation names."""

type Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; ``path`` and ``source`` (its ``from``) as tokens. Prints without its value."""

    name: str
    path: Path
    source: Path | None
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def writes(self) -> tuple[Path, ...]:
        """The places that it changes."""
        if self.name == "test":
            return ()
        return (self.path, self.source) if self.name == "move" and self.source else (self.path,)

    @property
    def reads(self) -> tuple[Path, ...]:
        """The places that it looks at, changes included."""
        return (self.path,) if self.source is None else (self.path, self.source)


def operations(body: bytes) -> list[Operation]:
    """The operations of a JSON Patch document. Raises InvalidInput, which names an operation by its place."""
    items = split_array(body)
    if len(items) > MAX_OPERATIONS:
        raise InvalidInput(f"A patch may have at most {MAX_OPERATIONS} operations")
    return [_operation(place, split(item)) for place, item in enumerate(items)]


def patch_members(members: Mapping[str, bytes], asked: Sequence[Operation], *, limit: int) -> dict[str, bytes]:
    """What is left after all operations, in order: members that none of them writes with their own bytes, the others
    with their numbers as written.

    Raises Unprocessable for an operation that doesn't apply, ContentTooLarge where more than ``limit`` bytes would be
    copied or moved about (a few copies of a copy fill any memory).
    """
    read = {path[0] for operation in asked for path in operation.reads}
    document: dict[str, Any] = {name: _parse(text) if name in read else _UNREAD for name, text in members.items()}
    room = limit
    for place, operation in enumerate(asked):
        room -= _weight(document, operation, place)
        if room < 0:
            raise ContentTooLarge(f"Operation {place}: the patch copies and moves more than {limit} bytes")
        _apply(document, operation, place)
    written = {path[0] for operation in asked for path in operation.writes}
    return {name: _encode(value).encode() if name in written else members[name] for name, value in document.items()}


class _Literal(Decimal):
    """A number that writes itself as it was written, and compares by its value (RFC 6902 section 4.6)."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __deepcopy__(self, _: object) -> Self:  # Decimal would make another one from its own text
        return self

    def __copy__(self) -> Self:
        return self


def _operation(place: int, item: Mapping[str, bytes]) -> Operation:
    raw = {name: _parse(text) for name, text in item.items() if name in ("op", "path", "from", "value")}
    name = raw.get("op")
    if not isinstance(name, str) or name not in _NEEDS:
        raise InvalidInput(f"Operation {place}: op is add, remove, replace, move, copy or test")
    if _NEEDS[name] not in raw:
        raise InvalidInput(f"Operation {place}: {_NEEDS[name]} is missing")
    path = _path(place, "path", raw.get("path"))
    source = _path(place, "from", raw["from"]) if _NEEDS[name] == "from" else None
    if _depth(raw.get("value")) + len(path) > MAX_DEPTH:
        raise InvalidInput(f"Operation {place} nests deeper than {MAX_DEPTH} levels")
    return Operation(name, path, source, raw)


def _path(place: int, member: str, text: object) -> Path:
    try:
        parts = JsonPointer(text).parts if isinstance(text, str) else None
    except JsonPointerException:
        parts = None
    if not parts or len(parts) > MAX_TOKENS:
        raise InvalidInput(
            f"Operation {place}: {member} is a JSON Pointer to an element, of at most {MAX_TOKENS} steps"
        )
    return tuple(parts)


def _weight(document: Mapping[str, Any], operation: Operation, place: int) -> int:
    """How many bytes an operation copies or moves. Nothing gets deeper than a resource may be."""
    if operation.source is None:
        return 0
    try:
        value = JsonPointer(operation.raw["from"]).resolve(document)
    except (JsonPointerException, ValueError):
        raise _misplaced(place) from None
    if isinstance(value, (dict, list)) and _depth(value) + len(operation.path) > MAX_DEPTH:
        raise Unprocessable(f"Operation {place} nests deeper than {MAX_DEPTH} levels")
    try:
        return len(_encode(value))
    except TypeError:  # "-", the place after an array's last item
        raise _misplaced(place) from None


def _apply(document: dict[str, Any], operation: Operation, place: int) -> None:
    try:
        JsonPatch([operation.raw]).apply(document, in_place=True)
    except (JsonPatchException, JsonPointerException, LookupError, ValueError, TypeError):
        # Whether a test found another value or none, what it says is the same.
        raise _misplaced(place) from None


def _misplaced(place: int) -> Unprocessable:
    return Unprocessable(f"Operation {place} does not apply to the resource as the caller sees it")


def _parse(text: bytes) -> Any:
    # Its form was checked where the text was split.
    return json.loads(text, parse_int=_Literal, parse_float=_Literal)


def _encode(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(name)}:{_encode(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_encode, value)) + "]"
    return value.text if isinstance(value, _Literal) else _quoted(value)


def _quoted(value: str | bool | None) -> str:
    return json.dumps(value, ensure_ascii=False)


def _depth(value: Any) -> int:
    """How many arrays and objects lie in each other."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [part for item in level for part in (item.values() if isinstance(item, dict) else item)]
    return depth
