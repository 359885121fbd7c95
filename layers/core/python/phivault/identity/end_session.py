"""End sessions: one's own, or another user's as an administrator. The next request in one fails.

Recorded before it is done; where it then fails, once more with its error.
"""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.identity.claims import OPAQUE_ID
from phivault.identity.session import Session
from phivault.identity.users.call import Call

ALL = ("sessions:all",)
"""The flag on the event that ends every session of a user."""


def end_own_session(call: Call, session_id: str) -> None:
    """Raises NotFound for a session that isn't the caller's or is over, or Unavailable."""
    with call.failure_recorded(Action.SESSION_END, session_id, "Session"):
        session = _standing(call, call.principal.user_id, session_id)
        call.record(Action.SESSION_END, session.id, resource="Session")
        call.identity.sessions.end(session)


def end_own_sessions(call: Call) -> None:
    """All of them, the one of this request with them. Raises Unavailable."""
    with call.failure_recorded(Action.SESSION_END, resource="Session"):
        call.record(Action.SESSION_END, resource="Session", flags=ALL)
        _end_all(call, call.principal.user_id)


def end_session_of(call: Call, user_id: str, session_id: str) -> None:
    """Raises AccessDenied (SignInAgain for a sign-in older than five minutes), NotFound for a user of another tenant or
    a session that isn't theirs or is over, or Unavailable."""
    with call.failure_recorded(Action.USER_SESSION_END, user_id):
        call.require("admin:sessions-end")
        session = _standing(call, call.user(user_id).user_id, session_id)
        call.record(Action.USER_SESSION_END, user_id)
        call.record(Action.USER_SESSION_END, session.id, resource="Session")
        call.identity.sessions.end(session)


def end_sessions_of(call: Call, user_id: str) -> None:
    """All of a user's. Raises as ``end_session_of`` does."""
    with call.failure_recorded(Action.USER_SESSION_END, user_id):
        call.require("admin:sessions-end")
        user = call.user(user_id)
        call.record(Action.USER_SESSION_END, user_id, flags=ALL)
        _end_all(call, user.user_id)


def _end_all(call: Call, user_id: str) -> None:
    call.identity.sessions.end_all(user_id, call.identity.now())


def _standing(call: Call, user_id: str, session_id: str) -> Session:
    # The pattern first: whatever else stands in a path must not become part of a key.
    shaped = OPAQUE_ID.fullmatch(session_id) is not None
    session = call.identity.sessions.store.load(user_id, session_id) if shaped else None
    if session is None or session.ended or session.tenant != call.tenant:
        raise NotFound("There is no such session")
    return session
