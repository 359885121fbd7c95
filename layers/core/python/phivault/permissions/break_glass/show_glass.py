"""Show one broken glass: to its user, and with its notes to officers."""

from __future__ import annotations

from typing import Any

from phivault.audit.event import Action
from phivault.permissions.break_glass.glass import about, about_id
from phivault.permissions.break_glass.note import CLASSES, opened
from phivault.permissions.break_glass.seen import known, oversees
from phivault.permissions.call import Call


def show_glass(call: Call, id: str) -> dict[str, Any]:
    """Raises AccessDenied, NotFound, IntegrityError or Unavailable, each recorded."""
    with call.failure_recorded(Action.BREAK_GLASS_READ, **about_id(id)):
        call.require("break-glass:read")
        glass = known(call, id)
        shown = glass.shown(call.permissions.now())
        if not oversees(call):
            call.record(Action.BREAK_GLASS_READ, **about(glass))
            return shown
        released = CLASSES if glass.note or glass.review_note else ()
        call.record(Action.BREAK_GLASS_READ, classes=released, **about(glass))
        return shown | opened(call, glass)
