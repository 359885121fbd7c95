"""End a suspension. What the user then needs is a sign-in of their own: no session comes back."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.identity.directory import Status
from phivault.identity.users.call import Call


def resume(call: Call, user_id: str) -> None:
    """Raises AccessDenied (oneself), NotFound, Conflict (somebody offboarded) or Unavailable, each recorded."""
    with call.failure_recorded(Action.USER_RESUME, user_id):
        call.require("admin:users-change")
        user = call.other(user_id)
        if user.status is Status.OFFBOARDED:
            raise Conflict("This user's access was ended for good")
        call.record(Action.USER_RESUME, user_id)
        # The provider first: until the directory follows, the user stays out.
        call.identity.user_admin.enable(user_id)
        try:
            if user.status is Status.SUSPENDED:
                call.identity.directory.change_status(call.tenant, user_id, Status.ACTIVE)
        finally:
            _stay_out(call, user_id)


def _stay_out(call: Call, user_id: str) -> None:
    """An offboarding that came between finds its account disabled, as it left it."""
    now = call.identity.directory.user(call.tenant, user_id)
    if now is not None and now.status is not Status.ACTIVE:
        call.identity.user_admin.disable(user_id)
