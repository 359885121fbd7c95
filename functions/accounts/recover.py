"""Back to an account whose factors are lost."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.accounts.app import app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.identity.recover import Recover, recover
from phivault.inputs import read


@web.operation(
    app,
    "POST",
    "/v1/auth/mfa/recover",
    web.Operation(
        summary="Password and recovery code, or an approved reset, lead to a new factor's set-up; sessions end",
        permission="anyone",
        audit=(Action.MFA_RECOVER, Action.CODE_SEND),
        body=Recover,
    ),
)
def _recover() -> Response[str]:
    body = read(Recover, web.body(app.current_event))
    asked = recover(bootstrap.identity(), body, web.source(app.current_event))
    return web.answer(200, json.dumps(asked.shown()))
