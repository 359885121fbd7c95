"""The gateway's access log: lines of JSON with the members of ``ACCESS_LOG`` in infra/api.py.

API Gateway puts every value in quotes and ``-`` where there is none.
"""

from __future__ import annotations

import json
import re
from typing import Any

from phivault.audit.reconcile.claims import Request
from phivault.errors import InvalidInput

_ID = re.compile(r"[A-Za-z0-9=._:-]{1,128}")
_METHOD = re.compile(r"[A-Z]{1,16}|-")
_ROUTE = re.compile(r"[A-Za-z0-9._/{}+:$-]{1,256}")
_NUMBER = re.compile(r"[0-9]{1,15}")
_WORD = re.compile(r"[A-Za-z0-9_-]{0,64}")


def parse_line(line: str | bytes, where: str) -> Request:
    """Raises InvalidInput naming ``where`` and the member that isn't as it should be."""
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidInput(f"{where} is not JSON") from None
    if not isinstance(members, dict):
        raise InvalidInput(f"{where} is not an object")
    answered = _member(members, "answered", _WORD, where, absent="-")
    return Request(
        at=int(_member(members, "at", _NUMBER, where)) / 1000,
        id=_member(members, "request_id", _ID, where),
        method=_member(members, "method", _METHOD, where),
        route=_member(members, "route", _ROUTE, where),
        status=int(_member(members, "status", _NUMBER, where, absent="0")),
        answered="" if answered == "-" else answered,
        octets=int(_member(members, "bytes", _NUMBER, where, absent="0")),
    )


def _member(members: dict[str, Any], name: str, pattern: re.Pattern[str], where: str, absent: str | None = None) -> str:
    value = members.get(name, absent)
    if absent is not None and value == "-":
        value = absent
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not pattern.fullmatch(text):
        raise InvalidInput(f"{where} has no {name} as the gateway writes it")
    return text
