"""JSON whose numbers stay as written: 1.10 is not 1.1 in medicine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Never


@dataclass(frozen=True, slots=True)
class Number:
    """A number's digits as the sender wrote them."""

    text: str


type Value = dict[str, Value] | list[Value] | str | Number | bool | None


def parse(text: bytes) -> Value:
    """The value that the text holds, or None for what isn't JSON (or nests too deeply to be FHIR)."""
    try:
        value: Value = json.loads(text, parse_float=Number, parse_int=Number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value


def encode(value: Value) -> bytes:
    """JSON in ASCII (so that any parsed string can be written), without white space."""
    return _text(value).encode("ascii")


def _text(value: Value) -> str:
    match value:
        case Number(text):
            return text
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{_text(member)}" for name, member in value.items()) + "}"
        case list():
            return "[" + ",".join(_text(item) for item in value) + "]"
        case _:
            return json.dumps(value)


def _refuse(_: str) -> Never:
    raise ValueError("not JSON")
