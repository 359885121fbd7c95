"""Redaction of what programs write about themselves: log lines."""

from __future__ import annotations

import re

from phivault.phi.detect.everything import find, redact
from phivault.phi.detect.finding import Finding, Kind

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)


def redact_line(text: str) -> str:
    """``text`` with identifiers blanked, but for times of the machine: instants with a zone, and dates that are part of
    a path or a key ("events/2026/01/02/...")."""
    return redact(text, [one for one in find(text) if not _is_of_the_machine(text, one)])


def _is_of_the_machine(text: str, one: Finding) -> bool:
    if one.kind is not Kind.DATE:
        return False
    beside = text[max(0, one.start - 1) : one.start] + text[one.end : one.end + 1]
    return "/" in beside or _INSTANT.fullmatch(text, one.start, one.end) is not None
