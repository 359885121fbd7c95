"""Sign-up: codes by e-mail and text message, and then the account."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.accounts.app import app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.identity import confirm_sign_up, resend_code, sign_up
from phivault.identity.sign_up import CodeSent
from phivault.inputs import read

ANYONE = "anyone"


@web.operation(
    app,
    "POST",
    "/v1/auth/sign-up",
    web.Operation(
        summary="Ask for an account; the answer is the same whether the address has one or not",
        permission=ANYONE,
        audit=(Action.SIGN_UP, Action.CODE_SEND),
        body=sign_up.SignUp,
        statuses=(202,),
    ),
)
def _sign_up() -> Response[str]:
    body = read(sign_up.SignUp, web.body(app.current_event))
    return _sent(sign_up.sign_up(bootstrap.identity(), body, web.source(app.current_event)))


@web.operation(
    app,
    "POST",
    "/v1/auth/confirm-sign-up",
    web.Operation(
        summary="Answer a sign-up's code; the last one makes the account and begins a sign-in",
        permission=ANYONE,
        audit=(Action.SIGN_UP_CONFIRM, Action.CODE_SEND, Action.SIGN_IN),
        body=confirm_sign_up.ConfirmSignUp,
        statuses=(200, 202),
        refusals=(409,),
    ),
)
def _confirm() -> Response[str]:
    body = read(confirm_sign_up.ConfirmSignUp, web.body(app.current_event))
    answer = confirm_sign_up.confirm_sign_up(bootstrap.identity(), body, web.source(app.current_event))
    if isinstance(answer, CodeSent):
        return _sent(answer)
    return web.answer(200, json.dumps(answer.shown()))


@web.operation(
    app,
    "POST",
    "/v1/auth/resend-code",
    web.Operation(
        summary="Send a sign-up's code anew; the one before fits no longer",
        permission=ANYONE,
        audit=(Action.SIGN_UP, Action.CODE_SEND),
        body=resend_code.ResendCode,
        statuses=(202,),
    ),
)
def _resend() -> Response[str]:
    body = read(resend_code.ResendCode, web.body(app.current_event))
    return _sent(resend_code.resend_code(bootstrap.identity(), body, web.source(app.current_event)))


def _sent(sent: CodeSent) -> Response[str]:
    shown = {"challenge": sent.challenge, "session": sent.session, "expires_in": sent.expires_in}
    return web.answer(202, json.dumps(shown))
