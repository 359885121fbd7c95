"""Sign-in with a second factor. Every attempt is recorded before it is answered."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.event_handler import Response

from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.identity import challenge, enrol_totp, inputs, refresh, sign_in, sign_out
from phivault.identity.provider import Challenged, Tokens
from phivault.inputs import read

app = web.resolver("auth")
ANYONE = "anyone"


@web.operation(
    app,
    "POST",
    "/v1/auth/sign-in",
    web.Operation(
        summary="Check a password; the answer is a challenge, never tokens",
        permission=ANYONE,
        audit=(Action.SIGN_IN,),
        body=inputs.SignIn,
    ),
)
def _sign_in() -> Response[str]:
    body = read(inputs.SignIn, web.body(app.current_event))
    return _next(sign_in.sign_in(bootstrap.identity(), body, web.source(app.current_event)))


@web.operation(
    app,
    "POST",
    "/v1/auth/challenge",
    web.Operation(
        summary="Answer a challenge; the next one, or tokens",
        permission=ANYONE,
        audit=(Action.CHALLENGE, Action.TOKEN_ISSUE),
        body=inputs.Challenge,
    ),
)
def _challenge() -> Response[str]:
    body = read(inputs.Challenge, web.body(app.current_event))
    return _next(challenge.challenge(bootstrap.identity(), body, web.source(app.current_event)))


@web.operation(
    app,
    "POST",
    "/v1/auth/mfa/totp",
    web.Operation(
        summary="Begin to enrol an authenticator app while MFA_SETUP is asked",
        permission=ANYONE,
        audit=(Action.MFA_ENROL,),
        body=inputs.MfaTotp,
    ),
)
def _enrol_totp() -> Response[str]:
    body = read(inputs.MfaTotp, web.body(app.current_event))
    return _json(asdict(enrol_totp.enrol_totp(bootstrap.identity(), body, web.source(app.current_event))))


@web.operation(
    app,
    "POST",
    "/v1/auth/refresh",
    web.Operation(
        summary="New tokens for a refresh token, which is used up",
        permission=ANYONE,
        audit=(Action.TOKEN_REFRESH, Action.TOKEN_REUSE),
        body=inputs.Refresh,
    ),
)
def _refresh() -> Response[str]:
    body = read(inputs.Refresh, web.body(app.current_event))
    return _next(refresh.refresh(bootstrap.identity(), body, web.source(app.current_event)))


@web.operation(
    app,
    "POST",
    "/v1/auth/sign-out",
    web.Operation(
        summary="End this session at once",
        permission="signed-in",
        audit=(Action.SIGN_OUT,),
        body=inputs.SignOut,
        statuses=(204,),
        body_optional=True,
    ),
)
def _sign_out() -> Response[str]:
    principal = web.principal(app.current_event)
    body = read(inputs.SignOut, web.optional_body(app.current_event))
    sign_out.sign_out(bootstrap.identity(), principal, body, web.source(app.current_event))
    return web.answer(204, "")


def _next(answer: Challenged | Tokens) -> Response[str]:
    if isinstance(answer, Tokens):
        return _json(asdict(answer) | {"token_type": "Bearer"})
    return _json(answer.shown())


def _json(document: dict[str, Any]) -> Response[str]:
    return web.answer(200, json.dumps(document))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
