"""Where a request comes from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """``ip`` and ``user_agent`` are personal and print as nothing; ``request_id`` joins log and audit log."""

    ip: str = field(repr=False)
    user_agent: str = field(repr=False)
    request_id: str
