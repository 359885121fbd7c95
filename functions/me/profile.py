"""Who is signed in."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

from aws_lambda_powertools.event_handler import Response

from functions.me.app import app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.identity.profile import profile


@web.operation(
    app,
    "GET",
    "/v1/me",
    web.Operation(
        summary="Who is signed in, in which session", permission="signed-in", audit=(Action.PROFILE_READ,), phi=True
    ),
)
def _me() -> Response[str]:
    source, principal = web.source(app.current_event), web.principal(app.current_event)
    sessions, recorder, keys = bootstrap.sessions(), bootstrap.recorder(), bootstrap.subject_keys()
    return web.answer(200, json.dumps(asdict(profile(sessions, recorder, keys, principal, source, now=time.time()))))
