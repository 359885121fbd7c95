"""The bytes of the audit log: one line of canonical JSON per event (docs/audit-format.md).

RFC 8785 restricted to printable ASCII strings, safe integers, booleans, null and lists of strings: what is left of
it is "keys sorted, no white space". The schema is closed; ``v`` is its version. What is hashed is always the stored
line; an accepted line re-encodes to itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from phivault.audit import strict_json
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.errors import IntegrityError

VERSION: Final = 1
MAX_LINE: Final = 4096
NO_HASH: Final = "0" * 64
_MAX_INT: Final = 2**53 - 1
_MAX_LIST: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An event's place in its writer's chain. ``prev`` is the SHA-256 (hex) of the writer's line before.

    ``checkpoint`` is the last checkpoint of the Merkle log that the writer saw, ``size/root``, or empty.
    """

    writer: str
    sequence: int
    prev: str
    checkpoint: str = ""


@dataclass(frozen=True, slots=True)
class EventLine:
    event: AuditEvent
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """Line 0 of a writer. ``predecessor`` is the writer that this process retired, with the sequence and hash of
    the last line that storage acknowledged to it; "", -1 and ``NO_HASH`` where none acknowledged any."""

    writer: str
    timestamp: str
    predecessor: str = ""
    predecessor_sequence: int = -1
    predecessor_hash: str = NO_HASH


@dataclass(frozen=True, slots=True)
class _Field:
    """A field's rule twice: as a test of its value, and as a regular expression of its JSON text."""

    holds: Callable[[Any], bool]
    text: str


def _pattern(pattern: str) -> _Field:
    # No pattern admits a quote, a backslash or a control character: the JSON text is the value between quotes.
    compiled = re.compile(pattern, re.ASCII)
    return _Field(lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None, f'"(?:{pattern})"')


def _integer(lowest: int, highest: int = _MAX_INT) -> _Field:
    return _Field(lambda value: type(value) is int and lowest <= value <= highest, _integers(lowest, highest))


def _integers(lowest: int, highest: int) -> str:
    """The decimals from ``lowest``, at most 1, to ``highest``, without leading zeros."""
    small = [str(number) for number in range(lowest, min(1, highest + 1))]
    digits = str(highest)
    if highest > 0:
        small.append(rf"[1-9]\d{{0,{len(digits) - 2}}}+" if len(digits) > 1 else f"[1-{digits}]")
    longest = [
        f"{digits[:at]}[{'0' if at else '1'}-{int(digit) - 1}]" + rf"\d{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if len(digits) > 1 and int(digit) > (0 if at else 1)
    ]
    return f"(?:{'|'.join([*small, *longest, *([digits] if len(digits) > 1 else [])])})"


def _boolean(*others: None) -> _Field:
    words = ["true", "false", *("null" for _ in others)]
    return _Field(lambda value: isinstance(value, bool) or value in others, f"(?:{'|'.join(words)})")


def _list_of(pattern: str) -> _Field:
    item = _pattern(pattern)
    return _Field(
        lambda value: isinstance(value, list) and len(value) <= _MAX_LIST and all(map(item.holds, value)),
        rf"\[(?:{item.text}(?:,{item.text}){{0,{_MAX_LIST - 1}}})?\]",
    )


_HASH = _pattern(r"[0-9a-f]{64}")
_WRITER = _pattern(r"[0-9a-f]{32}")
_TIMESTAMP = _pattern(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z")
_TOKEN = r"[A-Za-z0-9._:-]"

_EVENT: Final[dict[str, _Field]] = {
    "v": _integer(VERSION, VERSION),
    "kind": _pattern("event"),
    "id": _pattern(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "timestamp": _TIMESTAMP,
    "tenant": _pattern(_TOKEN + "{1,64}"),
    "action": _pattern("|".join(map(re.escape, Action))),
    "success": _boolean(),
    "risk": _pattern("|".join(RiskLevel)),
    "request_id": _pattern(_TOKEN + "{0,128}"),
    "user_id": _pattern(_TOKEN + "{0,128}"),
    "role": _pattern("[a-z_]{0,32}"),
    "session": _pattern(_TOKEN + "{0,128}"),
    "personal": _pattern("[A-Za-z0-9+/]{0,2800}={0,2}"),
    "personal_subject": _pattern("[A-Za-z0-9._:/-]{0,160}"),
    "personal_ref": _pattern(_TOKEN + "{0,128}"),
    "resource": _pattern("[A-Za-z]{0,64}"),
    "resource_id": _pattern(_TOKEN + "{0,128}"),
    "version": _integer(0),
    "patient": _pattern(_TOKEN + "{0,64}"),
    "purpose": _pattern("[A-Z_]{0,32}"),
    "purpose_asserted": _boolean(None),
    "classes": _list_of("[a-z]{1,32}"),
    "error": _pattern("[a-z-]{0,64}"),
    "flags": _list_of("[A-Za-z0-9._:-]{1,80}"),
    "envelope": _pattern("(?:[0-9a-f]{64})?"),
    "writer": _WRITER,
    "sequence": _integer(1),
    "prev": _HASH,
    "checkpoint": _pattern(r"(?:\d{1,15}/[0-9a-f]{64})?"),
}
_GENESIS: Final[dict[str, _Field]] = {
    "v": _EVENT["v"],
    "kind": _pattern("genesis"),
    "writer": _WRITER,
    "sequence": _integer(0, 0),
    "timestamp": _TIMESTAMP,
    "predecessor": _pattern("(?:[0-9a-f]{32})?"),
    "predecessor_sequence": _integer(-1),
    "predecessor_hash": _HASH,
}
_EVENT_NAMES = tuple(field.name for field in fields(AuditEvent))
_LINK_NAMES = tuple(field.name for field in fields(Link))
_GENESIS_NAMES = tuple(field.name for field in fields(Genesis))


def encode(line: EventLine | Genesis) -> bytes:
    """The canonical line, without a newline. Raises IntegrityError naming the field that breaks the schema."""
    if isinstance(line, Genesis):
        members = {name: getattr(line, name) for name in _GENESIS_NAMES} | {"kind": "genesis", "sequence": 0}
        return _encode(members, _GENESIS)
    members = {name: getattr(line.event, name) for name in _EVENT_NAMES}
    members |= {name: getattr(line.link, name) for name in _LINK_NAMES}
    members |= {"kind": "event", "classes": list(line.event.classes), "flags": list(line.event.flags)}
    return _encode(members, _EVENT)


def parse(line: bytes) -> EventLine | Genesis:
    """The line's content. Raises IntegrityError for anything but a canonical line of this version."""
    members = _members(line)
    genesis = members.get("kind") == "genesis"
    if _encode({key: members[key] for key in members if key != "v"}, _GENESIS if genesis else _EVENT) != line:
        raise IntegrityError("An audit line is not canonical")
    if genesis:
        return Genesis(**{name: members[name] for name in _GENESIS_NAMES})
    typed = members | {
        "action": Action(members["action"]),
        "risk": RiskLevel(members["risk"]),
        "classes": tuple(members["classes"]),
        "flags": tuple(members["flags"]),
    }
    return EventLine(
        AuditEvent(**{name: typed[name] for name in _EVENT_NAMES}), Link(**{name: typed[name] for name in _LINK_NAMES})
    )


def line_hash(line: bytes) -> str:
    """SHA-256 (hex) of a stored line, as the next line's ``prev`` holds it."""
    return hashlib.sha256(line).hexdigest()


def expression(kind: str, *, captured: Mapping[str, str | None]) -> str:
    """A regular expression (for ``re.ASCII``) of exactly the canonical lines of this kind, "event" or "genesis", but
    for their length. ``captured`` fields' values (without quotes) are groups, in the order of the line, and a pattern
    given for one stands in for its rule, which the caller then sees to."""
    schema = _GENESIS if kind == "genesis" else _EVENT
    members = []
    for name, field in sorted(schema.items()):
        text = field.text
        if name in captured:
            quote, rule = ('"', text[1:-1]) if text.startswith('"') else ("", text)
            text = f"{quote}({captured[name] or rule}){quote}"
        members.append(f'"{name}":{text}')
    return rf"\{{{','.join(members)}\}}"


def field_expression(name: str) -> str:
    """The rule of a field of an event, over its value: a text's without quotes."""
    return _EVENT[name].text.strip('"')


def _encode(members: dict[str, Any], schema: dict[str, _Field]) -> bytes:
    members = members | {"v": VERSION}
    if members.keys() != schema.keys():
        raise IntegrityError("An audit line has a missing or an unknown field")
    for name, field in schema.items():
        if not field.holds(members[name]):
            raise IntegrityError(f"An audit line breaks the schema at {name}")
    line = json.dumps(members, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    if len(line) > MAX_LINE:
        raise IntegrityError("An audit line is longer than 4 KiB")
    return line


def _members(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise IntegrityError("An audit line is longer than 4 KiB")
    return strict_json.parse(line, "An audit line")
