"""A forgotten password: a code by e-mail, then a challenge."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.accounts.app import app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.identity.forgot_password import ForgotPassword, forgot_password
from phivault.identity.reset_password import ResetPassword, reset_password
from phivault.inputs import read

CODE_SECONDS = 3600


@web.operation(
    app,
    "POST",
    "/v1/auth/password/forgot",
    web.Operation(
        summary="Send a code for a new password to the e-mail address, if it has an account",
        permission="anyone",
        audit=(Action.PASSWORD_FORGOT,),
        body=ForgotPassword,
        statuses=(202,),
    ),
)
def _forgot() -> Response[str]:
    body = read(ForgotPassword, web.body(app.current_event))
    forgot_password(bootstrap.identity(), body, web.source(app.current_event))
    return web.answer(202, json.dumps({"expires_in": CODE_SECONDS}))


@web.operation(
    app,
    "POST",
    "/v1/auth/password/reset",
    web.Operation(
        summary="Set a new password with the code; the answer is a challenge, never tokens",
        permission="anyone",
        audit=(Action.PASSWORD_RESET, Action.SIGN_IN),
        body=ResetPassword,
    ),
)
def _reset() -> Response[str]:
    body = read(ResetPassword, web.body(app.current_event))
    asked = reset_password(bootstrap.identity(), body, web.source(app.current_event))
    return web.answer(200, json.dumps(asked.shown()))
