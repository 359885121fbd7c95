"""Members too large for one element: sealed in pieces of 256 KiB, joined when they are opened.

The pieces of ``data`` are the elements ``data``, ``data~1``, ``data~2`` and so on, side by side and of one class. No
member of a client's has a ``~`` in its name: no FHIR element has. docs/envelope-format.md, section 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from phivault.crypto.element import Element, Unsealed
from phivault.errors import IntegrityError

SIZE = 256 << 10
"""Bytes of a piece; the last one has what is left."""
_MARK = "~"


def in_pieces(elements: Iterable[Element]) -> Iterator[Element]:
    """The elements, those with more than 256 KiB in pieces."""
    for element in elements:
        name, value = element.name, element.value
        yield element if len(value) <= SIZE else Element(name, element.data_class, value[:SIZE])
        for number, start in enumerate(range(SIZE, len(value), SIZE), start=1):
            yield Element(f"{name}{_MARK}{number}", element.data_class, value[start : start + SIZE])


def is_piece(name: str) -> bool:
    """Whether the element continues another one."""
    return _MARK in name


def with_pieces(names: Collection[str], held: Iterable[str]) -> Collection[str]:
    """``names`` and all that continue them, of what an envelope holds."""
    wanted = frozenset(names)
    pieces = [name for name in held if is_piece(name) and name.partition(_MARK)[0] in wanted]
    return [*names, *pieces] if pieces else names


def joined(opened: Unsealed) -> Unsealed:
    """The values whole. Raises IntegrityError for pieces that don't follow each other: nobody seals such."""
    if not any(map(is_piece, opened)):
        return opened
    parts: dict[str, list[bytes]] = {}
    for name, value in opened.items():
        whole, mark, number = name.partition(_MARK)
        place = len(parts.setdefault(whole, []))
        if (mark + number) != (f"{_MARK}{place}" if place else ""):
            raise IntegrityError("The pieces of an element are not in order")
        parts[whole].append(value)
    return Unsealed({name: b"".join(values) for name, values in parts.items()})
