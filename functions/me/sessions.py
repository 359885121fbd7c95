"""One's own sessions: seen and ended."""

from __future__ import annotations

import json
from dataclasses import asdict

from aws_lambda_powertools.event_handler import Response

from functions.me.app import app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.identity.end_session import end_own_session, end_own_sessions
from phivault.identity.list_sessions import own_sessions
from phivault.identity.users.call import Call

SESSIONS = "/v1/me/sessions"


def _about(summary: str, action: Action, status: int = 204) -> web.Operation:
    # Where a patient signs in from says something of them: what passes here counts as PHI.
    return web.Operation(summary=summary, permission="signed-in", audit=(action,), phi=True, statuses=(status,))


@web.operation(app, "GET", SESSIONS, _about("One's live sessions, with where they are", Action.SESSION_LIST, 200))
def _sessions() -> Response[str]:
    return web.answer(200, json.dumps({"sessions": [asdict(each) for each in own_sessions(_call())]}))


@web.operation(app, "DELETE", SESSIONS, _about("End all of one's sessions, this one too", Action.SESSION_END))
def _end_all() -> Response[str]:
    end_own_sessions(_call())
    return web.answer(204, "")


@web.operation(app, "DELETE", SESSIONS + "/{id}", _about("End one of one's sessions", Action.SESSION_END))
def _end(id: str) -> Response[str]:
    end_own_session(_call(), id)
    return web.answer(204, "")


def _call() -> Call:
    event = app.current_event
    return Call(bootstrap.identity(), bootstrap.decider(), web.principal(event), web.source(event))
