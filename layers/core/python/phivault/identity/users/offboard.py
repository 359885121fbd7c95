"""Offboard a user: all access ends for good, within this call, and how long that took is on record.

The account and its sealed address stay: what a workforce member did has to stay attributable (45 CFR 164.316(b)(2)).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from phivault.audit.event import Action
from phivault.errors import Conflict
from phivault.identity.directory import Status
from phivault.identity.users.access import end_access
from phivault.identity.users.call import Call


@dataclass(frozen=True, slots=True)
class Offboarded:
    """``ending`` and ``ended`` are Unix seconds: when it was recorded that access ends, and when it had."""

    sessions: int
    ending: float
    ended: float


def offboard(call: Call, user_id: str) -> Offboarded:
    """Raises AccessDenied (oneself), NotFound, Conflict (the last administrator) or Unavailable, each recorded; asked
    again, it completes what an outage left."""
    with call.failure_recorded(Action.USER_OFFBOARD, user_id):
        call.require("admin:users-change")
        user = call.other(user_id)
        ending = call.identity.now()
        call.record(Action.USER_OFFBOARD, user_id, flags=("access:ending",))
        if user.status is not Status.OFFBOARDED:
            call.identity.directory.change_status(call.tenant, user_id, Status.OFFBOARDED)
        sessions = end_access(call.identity, user_id, disable=True)
        _cancel_pending(call, user_id)
        ended = call.identity.now()
        call.record(Action.USER_OFFBOARD, user_id, flags=("access:ended", f"sessions:ended:{sessions}"))
        return Offboarded(sessions, ending, ended)


def _cancel_pending(call: Call, user_id: str) -> None:
    asked = call.identity.proposals.proposal(call.tenant, user_id)
    if asked is not None:
        with suppress(Conflict):  # nobody offboarded gets another role
            call.identity.proposals.drop(asked)
    reset = call.identity.mfa_resets.reset(user_id)
    if reset is not None:
        with suppress(Conflict):  # cancelled or used meanwhile: there is none left either way
            call.identity.mfa_resets.drop(reset)
