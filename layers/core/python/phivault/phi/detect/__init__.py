"""Detection of identifiers in free text: ``find`` tells where, ``redact`` and ``redact_line`` blank them.

The rules are loaded by the first text, so that who imports this for a log that stays empty pays nothing.
"""

from __future__ import annotations

from phivault.phi.detect.finding import Finding, Kind

__all__ = ["Finding", "Kind", "find", "redact", "redact_line"]


def find(text: str) -> list[Finding]:
    """See ``everything.find``."""
    from phivault.phi.detect import everything

    return everything.find(text)


def redact(text: str) -> str:
    """``text`` with each finding replaced by its kind in brackets: ``[phone]``."""
    from phivault.phi.detect import everything

    return everything.redact(text)


def redact_line(text: str) -> str:
    """The same for a line of a log: see ``lines.redact_line``."""
    from phivault.phi.detect import lines

    return lines.redact_line(text)
