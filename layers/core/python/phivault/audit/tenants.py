"""Which tenants there are: those that the log has lines of. Nothing else lists them."""

from __future__ import annotations

import json
from typing import Final

from phivault.audit.event import Action

_TYPED: Final = frozenset(
    {
        Action.AUDIT_EXPORT,
        Action.AUDIT_OPEN,
        Action.AUDIT_RETENTION,
        Action.AUDIT_HOLD,
        Action.KEY_DESTROY,
        Action.USER_INVITE,
    }
)
_OPERATOR: Final = "operator"
UNKNOWN: Final = "The audit log has no line of this tenant, beside what operators tried"


def attests(line: bytes, tenant: str) -> bool:
    """Whether the line shows that there is such a tenant. What operators' commands record doesn't: its tenant is what
    somebody typed."""
    if f'"{tenant}"'.encode() not in line:  # most lines needn't be parsed
        return False
    try:
        members = json.loads(line)
        typed = members["role"] == _OPERATOR and members["action"] in _TYPED
        return bool(members["tenant"] == tenant) and not typed
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
