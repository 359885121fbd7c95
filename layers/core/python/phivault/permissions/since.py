"""How times of permissions are told that no decision reckons with."""

from __future__ import annotations

from datetime import UTC, datetime


def time_of(now: float) -> str:
    """Unix seconds as RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
