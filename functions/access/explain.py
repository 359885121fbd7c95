"""Why a decision falls as it does."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.access.app import app
from functions.access.asked import about, call
from phivault import web
from phivault.audit.event import Action
from phivault.inputs import read
from phivault.permissions.explain import Explain, explain


@web.operation(
    app,
    "POST",
    "/v1/admin/policies/explain",
    about(
        "How a request would be decided: the deciding policies, and what is missing",
        Action.POLICY_EXPLAIN,
        "admin:explain",
        body=Explain,
    ),
)
def _explain() -> Response[str]:
    asked = call()
    body = read(Explain, web.body(app.current_event))
    return web.answer(200, json.dumps(explain(asked, body).shown()))
