"""What may become leaves: the lines of one object, checked by themselves (docs/audit-format.md section 4, 1 to 4).

Whether an object continues its writer's chain isn't asked here: a broken chain is a fact that the log has to show.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from phivault.audit.canonical import EventLine, Genesis, parse
from phivault.errors import IntegrityError

_KEY: Final = re.compile(
    r"ev/(?P<hour>\d{4}/\d\d/\d\d/\d\d)/(?P<shard>[0-9a-f]{2})/(?P<writer>[0-9a-f]{32})-(?P<sequence>[0-9a-f]{8})\.json",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Named:
    """What an object's key says."""

    key: str
    hour: str
    writer: str
    sequence: int


def named(key: str) -> Named | None:
    """None for a key of another form, or in another shard than the writer's."""
    match = _KEY.fullmatch(key)
    if match is None or hashlib.sha256(match["writer"].encode()).hexdigest()[:2] != match["shard"]:
        return None
    return Named(key, match["hour"], match["writer"], int(match["sequence"], 16))


@dataclass(frozen=True, slots=True)
class Accepted:
    """An object's lines, and the hash that the first of them says is before it (None for a genesis)."""

    name: Named
    lines: tuple[bytes, ...]
    prev: str | None


def accept(name: Named, body: bytes) -> Accepted:
    """Raises IntegrityError where a line breaks the schema, or isn't of the writer and sequence that the key says."""
    *lines, rest = body.split(b"\n")
    if rest or not lines:
        raise IntegrityError("An object of the audit log doesn't end in a newline")
    first: str | None = None
    for offset, line in enumerate(lines):
        entry = parse(line)
        if (*_place(entry),) != (name.writer, name.sequence + offset):
            raise IntegrityError("An object of the audit log holds a line that isn't of its place")
        if offset == 0 and isinstance(entry, EventLine):
            first = entry.link.prev
    return Accepted(name, tuple(lines), first)


def _place(entry: EventLine | Genesis) -> tuple[str, int]:
    return (entry.writer, 0) if isinstance(entry, Genesis) else (entry.link.writer, entry.link.sequence)
