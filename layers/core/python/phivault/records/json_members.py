"""JSON objects as members whose values keep their original bytes, so that 1.10 stays 1.10 and seals mean something.

The reader is stricter than RFC 8259, because two readers who disagree about a text can be played against each
other: UTF-8 without a byte order mark, no duplicate names at any depth, no NaN or Infinity, no lone surrogates,
no numbers beyond what any FHIR reader holds, at most 64 levels. Errors name a position (in characters), never
what stands there.
"""

from __future__ import annotations

import codecs
import json
import re
from array import array
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import accumulate
from typing import Any

from phivault.errors import InvalidInput

MAX_DEPTH = 64
_MAX_DIGITS = 64
_MAX_EXPONENT_DIGITS = 2

# The closing quote is optional so that a text of unfinished strings is skipped once, not once per quote.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKETS = re.compile(r"[^][{}]+")
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_SPACE = re.compile(r"[ \t\n\r]*+")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def split(text: bytes) -> dict[str, bytes]:
    """The members of the one JSON object in ``text``, in order, each with the bytes of its value as they stand.

    Raises InvalidInput for whatever isn't such an object.
    """
    document = _document(text)
    members: dict[str, bytes] = {}
    at, more = _open(document, "{", "}")
    while more:
        name, start = _name(document, at)
        if name in members:
            raise InvalidInput(f"The member at character {at} repeats a name")
        start = _skip(document, _expect(document, start, ":"))
        _, end = _value(document, start)
        members[name] = document[start:end].encode()
        at, more = _next(document, end, "}")
    _finish(document, at)
    return members


def split_array(text: bytes) -> list[bytes]:
    """The items of the one JSON array in ``text``, each with its bytes as they stand. Raises InvalidInput."""
    document = _document(text)
    items: list[bytes] = []
    at, more = _open(document, "[", "]")
    while more:
        _, end = _value(document, at)
        items.append(document[at:end].encode())
        at, more = _next(document, end, "]")
    _finish(document, at)
    return items


def parse(text: bytes) -> Any:
    """The one JSON value in ``text`` as Python objects, numbers with a point or exponent as Decimal.

    As strict as ``split``; raises InvalidInput.
    """
    document = _document(text)
    value, end = _value(document, _skip(document, 0))
    _finish(document, end)
    return value


def join(members: Mapping[str, bytes]) -> bytes:
    """One JSON object of these members, the values' bytes untouched."""
    return b"{" + b",".join(encode(name) + b":" + value for name, value in members.items()) + b"}"


def join_array(items: Iterable[bytes]) -> bytes:
    """One JSON array of these items, their bytes untouched."""
    return b"[" + b",".join(items) + b"]"


def encode(value: object) -> bytes:
    """The compact JSON text of our own plain values (no floats)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


class _Broken(Exception):
    """A rule that a value breaks, found where its position isn't known."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Broken("repeats a member name")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise _Broken("holds a number with too many digits")
    return int(digits)


def _decimal(digits: str) -> Decimal:
    exponent = digits.lower().partition("e")[2].lstrip("+-")
    if len(digits) > _MAX_DIGITS or len(exponent) > _MAX_EXPONENT_DIGITS:
        raise _Broken("holds a number with too many digits")
    return Decimal(digits)


def _constant(_: str) -> None:
    raise _Broken("holds a number that JSON has no text for")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
)


def _document(text: bytes) -> str:
    document = None if text.startswith(codecs.BOM_UTF8) else _utf8(text)
    if document is None:
        raise InvalidInput("The text is not UTF-8 without a byte order mark")
    # As few brackets as that can't be nested deeper, wherever they stand.
    if text.count(b"{") + text.count(b"[") <= MAX_DEPTH:
        return document
    # Before anything recurses. Arrays and accumulate keep it in C: a body of nothing but brackets costs milliseconds.
    brackets = _BRACKETS.sub("", _STRING.sub("", document)).encode().translate(_STEPS)
    if max(accumulate(array("b", brackets)), default=0) > MAX_DEPTH:
        raise InvalidInput(f"The text is nested deeper than {MAX_DEPTH} levels")
    return document


def _utf8(text: bytes) -> str | None:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def _value(document: str, start: int) -> tuple[Any, int]:
    # The decoder's errors carry the whole document, so ours are raised where they aren't in context.
    try:
        value, end = _DECODER.raw_decode(document, start)
    except json.JSONDecodeError as error:
        position, rule = error.pos, "is not JSON"
    except _Broken as error:
        position, rule = start, str(error)
    else:
        if not _SURROGATE.search(document, start, end) or _encodes(value):
            return value, end
        position, rule = start, "holds half of a surrogate pair"
    raise InvalidInput(f"The value at character {position} {rule}")


def _encodes(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(document: str, at: int) -> tuple[str, int]:
    _expect(document, at, '"')
    name, end = _value(document, at)
    return str(name), end


def _skip(document: str, at: int) -> int:
    if at < len(document) and document[at] not in " \t\n\r":
        return at  # as a rule: nothing is matched
    space = _SPACE.match(document, at)
    return space.end() if space else at


def _expect(document: str, at: int, sign: str) -> int:
    at = _skip(document, at)
    if not document.startswith(sign, at):
        raise InvalidInput(f"The text at character {at} is not JSON, or not of the expected kind")
    return at + 1


def _open(document: str, opening: str, closing: str) -> tuple[int, bool]:
    at = _skip(document, _expect(document, 0, opening))
    return (at + 1, False) if document.startswith(closing, at) else (at, True)


def _next(document: str, at: int, closing: str) -> tuple[int, bool]:
    at = _skip(document, at)
    if document.startswith(closing, at):
        return at + 1, False
    return _skip(document, _expect(document, at, ",")), True


def _finish(document: str, at: int) -> None:
    at = _skip(document, at)
    if at != len(document):
        raise InvalidInput(f"The text goes on at character {at} after its end")
