"""What every operation on users begins with."""

from __future__ import annotations

from typing import Any

from functions.admin.app import app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.identity.users.call import Call

USERS = "/v1/admin/users"
USER = USERS + "/{id}"


def call() -> Call:
    """Who asks, from where. Raises Unauthenticated."""
    event = app.current_event
    return Call(bootstrap.identity(), bootstrap.decider(), web.principal(event), web.source(event))


def about(summary: str, action: Action, permission: str, *also: Action, **more: Any) -> web.Operation:
    # A patient's account tells that there is one: what passes here counts as PHI.
    return web.Operation(summary=summary, permission=permission, audit=(action, *also), phi=True, **more)
