"""List broken glasses, newest first: one's own, and to officers all of the tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from phivault.audit.event import Action
from phivault.permissions.break_glass.seen import oversees
from phivault.permissions.call import Call
from phivault.permissions.inputs import page

PARAMETERS: Final = ("cursor", "limit")
LISTED: Final = 100


def list_glasses(call: Call, parameters: Mapping[str, str]) -> dict[str, Any]:
    """``cursor`` is None on the last page. Raises AccessDenied, InvalidInput or Unavailable, each recorded."""
    with call.failure_recorded(Action.BREAK_GLASS_LIST, resource="BreakGlass"):
        call.require("break-glass:read")
        _, before, limit = page(parameters, (), LISTED)
        whose = "" if oversees(call) else call.principal.user_id
        found = call.permissions.glasses.glasses(call.tenant, user_id=whose, before=before, limit=limit)
        call.record(Action.BREAK_GLASS_LIST, resource="BreakGlass")
        now = call.permissions.now()
        return {
            "break_glass": [glass.shown(now) for glass in found],
            "cursor": found[-1].id if len(found) == limit else None,
        }
