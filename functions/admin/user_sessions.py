"""Another user's sessions: seen and ended."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.admin.app import app
from functions.admin.asked import USER, about, call
from phivault import web
from phivault.audit.event import Action
from phivault.identity.end_session import end_session_of, end_sessions_of
from phivault.identity.list_sessions import ShownSession, sessions_of

SESSIONS = USER + "/sessions"
END = "admin:sessions-end"


@web.operation(
    app, "GET", SESSIONS, about("A user's live sessions, without where", Action.USER_SESSION_LIST, "admin:users")
)
def _sessions(id: str) -> Response[str]:
    return web.answer(200, json.dumps({"sessions": [_without_place(each) for each in sessions_of(call(), id)]}))


@web.operation(
    app, "DELETE", SESSIONS, about("End all of a user's sessions", Action.USER_SESSION_END, END, statuses=(204,))
)
def _end_all(id: str) -> Response[str]:
    end_sessions_of(call(), id)
    return web.answer(204, "")


@web.operation(
    app,
    "DELETE",
    SESSIONS + "/{session}",
    about("End one of a user's sessions", Action.USER_SESSION_END, END, statuses=(204,)),
)
def _end(id: str, session: str) -> Response[str]:
    end_session_of(call(), id, session)
    return web.answer(204, "")


def _without_place(shown: ShownSession) -> dict[str, Any]:
    return {name: getattr(shown, name) for name in ("id", "opened", "seen", "expires", "current")}
