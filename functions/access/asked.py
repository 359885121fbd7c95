"""What every operation on permissions begins with."""

from __future__ import annotations

from typing import Any

from functions.access.app import app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.permissions.call import Call


def call() -> Call:
    """Who asks. Raises Unauthenticated."""
    event = app.current_event
    return Call(bootstrap.permissions(), web.principal(event), web.source(event).request_id)


def about(summary: str, action: Action, permission: str, *also: Action, **more: Any) -> web.Operation:
    # Who cares for a patient tells that there is one, and at times of what: what passes here counts as PHI.
    return web.Operation(summary=summary, permission=permission, audit=(action, *also), phi=True, **more)
