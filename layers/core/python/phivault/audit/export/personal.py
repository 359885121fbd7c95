"""Beside an export, never in it: the personal fields of its events, opened for those who may see them.

A line for each event that has any: ``{"id", "user_email", "ip_address", "user_agent"}`` as far as they were known,
``{"erased": true, "id"}`` where the person's key was destroyed, ``{"id", "unreadable": true}`` where it doesn't open.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import AuditEvent
from phivault.audit.export.build import lines_of
from phivault.audit.export.layout import SEGMENT
from phivault.audit.export.segments import pack
from phivault.audit.log.store import LogReader
from phivault.errors import Gone, IntegrityError


class Opener(Protocol):
    """Obligations: the values sealed in ``event.personal``, by name. Raises Gone where the key was destroyed,
    IntegrityError where it doesn't open, Unavailable."""

    def __call__(self, event: AuditEvent) -> dict[str, str]: ...


def opened(
    log: LogReader, first: int, size: int, tenant: str, opener: Opener, record: Callable[[str], None]
) -> Iterator[bytes]:
    """zstd frames that make one file together. ``record`` is told a tenant before the first of its events is opened,
    and what it raises ends everything; ``tenant`` "" opens all of them. Raises IntegrityError, Unavailable."""
    lines = lines_of(log, first, size)
    recorded: set[str] = set()
    for _ in range(first, size, SEGMENT):
        found: list[bytes] = []
        for event in filter(None, map(_event, islice(lines, SEGMENT))):
            if not event.personal or tenant not in ("", event.tenant):
                continue
            if event.tenant not in recorded:
                record(event.tenant)
                recorded.add(event.tenant)
            found.append(_line(event, opener))
        yield pack(found)


def _event(raw: bytes) -> AuditEvent | None:
    line = parse(raw)
    return line.event if isinstance(line, EventLine) else None


def _line(event: AuditEvent, opener: Opener) -> bytes:
    members: dict[str, object] = {"id": event.id}
    try:
        members |= opener(event)
    except Gone:
        members["erased"] = True
    except IntegrityError:
        members["unreadable"] = True
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode("ascii")
