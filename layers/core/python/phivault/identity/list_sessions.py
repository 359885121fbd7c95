"""Sessions that live now: one's own with where they are, or another user's for an administrator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from phivault.audit.event import Action
from phivault.errors import Gone
from phivault.identity import personal
from phivault.identity.session import Session, end_of
from phivault.identity.users.call import RELEASED, Call


@dataclass(frozen=True, slots=True)
class ShownSession:
    """Times are Unix seconds; ``seen`` is right to the minute, ``expires`` the latest end. ``current`` is the session
    of the request. ``ip_address`` and ``user_agent`` are where it was opened or last refreshed; None for whoever isn't
    its owner, and where the owner's key was destroyed."""

    id: str
    opened: int
    seen: int
    expires: int
    current: bool
    ip_address: str | None = field(default=None, repr=False)
    user_agent: str | None = field(default=None, repr=False)


def own_sessions(call: Call) -> Sequence[ShownSession]:
    """Newest first. Raises IntegrityError or Unavailable. Recorded before a place is unsealed."""
    with call.failure_recorded(Action.SESSION_LIST, resource="Session"):
        live = call.identity.sessions.list(call.principal.user_id)
        shown = _shown(call, live)
        call.record(Action.SESSION_LIST, resource="Session", classes=RELEASED)
        return [_with_place(call, session, one) for session, one in zip(live, shown, strict=True)]


def sessions_of(call: Call, user_id: str) -> Sequence[ShownSession]:
    """Those of a user of the caller's tenant, newest first. Raises AccessDenied, NotFound or Unavailable."""
    with call.failure_recorded(Action.USER_SESSION_LIST, user_id):
        call.require("admin:users")
        live = call.identity.sessions.list(call.user(user_id).user_id)
        shown = _shown(call, [each for each in live if each.tenant == call.tenant])
        call.record(Action.USER_SESSION_LIST, user_id)
        return shown


def _shown(call: Call, live: Sequence[Session]) -> Sequence[ShownSession]:
    rules, current = call.identity.rules.rules(call.tenant), call.principal.session_id
    return [
        ShownSession(each.id, each.opened, each.seen, end_of(each, rules), current=each.id == current) for each in live
    ]


def _with_place(call: Call, session: Session, shown: ShownSession) -> ShownSession:
    keys, names = call.identity.keys, {"ip_address", "user_agent"}
    try:
        place = personal.unseal(keys, session.tenant, session.personal, names)
    except Gone:
        return shown
    return replace(shown, ip_address=place.get("ip_address"), user_agent=place.get("user_agent"))
