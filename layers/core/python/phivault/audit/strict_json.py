"""JSON as the audit log takes it: one ASCII object, no key twice, no number but integers."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from phivault.errors import IntegrityError


def parse(data: bytes, what: str) -> dict[str, Any]:
    """The object's members. Raises IntegrityError, which names ``what`` ("An audit line")."""
    try:
        members = json.loads(
            data.decode("ascii"), object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        raise IntegrityError(f"{what} is not JSON") from None
    if not isinstance(members, dict):
        raise IntegrityError(f"{what} is not an object")
    return members


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _refuse(_: str) -> NoReturn:
    raise ValueError("not an integer")
