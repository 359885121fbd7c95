"""End a broken glass before its hour is over, by its user or an officer."""

from __future__ import annotations

from dataclasses import replace

from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.permissions.break_glass.glass import Glass, State, about, about_id
from phivault.permissions.break_glass.seen import known
from phivault.permissions.call import Call


def end_glass(call: Call, id: str) -> Glass:
    """Raises AccessDenied, NotFound, Conflict (it isn't active any more) or Unavailable, each recorded."""
    with call.failure_recorded(Action.BREAK_GLASS_END, **about_id(id)):
        call.require("break-glass:end")
        glass, now = known(call, id), int(call.permissions.now())
        if glass.state(now) is not State.ACTIVE:
            raise Conflict("It ended already")
        ended = replace(glass, ended=now, ended_by=call.principal.user_id)
        call.record(Action.BREAK_GLASS_END, **about(glass))
        call.permissions.glasses.end(ended)
        return ended
