"""One's own second factors: seen, added, preferred, and the codes for when all are lost."""

from __future__ import annotations

import json
from dataclasses import asdict

from aws_lambda_powertools.event_handler import Response

from functions.me.app import app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.identity import inputs
from phivault.identity.add_totp import add_totp
from phivault.identity.factor_deed import CHANGE
from phivault.identity.finish_totp import FinishTotp, finish_totp
from phivault.identity.list_factors import list_factors
from phivault.identity.prefer_factor import PreferFactor, prefer_factor
from phivault.identity.recovery_codes import new_recovery_codes
from phivault.identity.users.call import Call
from phivault.inputs import read


@web.operation(
    app,
    "GET",
    "/v1/me/mfa",
    web.Operation(
        summary="Which second factors one has, which may be turned on, how many recovery codes are left",
        permission="me:read",
        phi=True,
        audit=(Action.MFA_READ,),
    ),
)
def _factors() -> Response[str]:
    return web.answer(200, json.dumps(asdict(list_factors(_call()))))


@web.operation(
    app,
    "PUT",
    "/v1/me/mfa",
    web.Operation(
        summary="Choose which factor sign-in asks for; minutes after a sign-in",
        permission=CHANGE,
        phi=True,
        audit=(Action.MFA_CHANGE, Action.CODE_SEND),
        body=PreferFactor,
        statuses=(204,),
        refusals=(422,),
    ),
)
def _prefer() -> Response[str]:
    call = _call()
    body = read(PreferFactor, web.body(app.current_event))
    prefer_factor(call, body)
    return web.answer(204, "")


@web.operation(
    app,
    "POST",
    "/v1/me/mfa/totp",
    web.Operation(
        summary="A secret for a new authenticator app, minutes after a sign-in; the refresh token is exchanged",
        permission=CHANGE,
        phi=True,
        audit=(Action.MFA_ENROL,),
        body=inputs.Refresh,
    ),
)
def _add_totp() -> Response[str]:
    call = _call()
    body = read(inputs.Refresh, web.body(app.current_event))
    return web.answer(200, json.dumps(asdict(add_totp(call, body))))


@web.operation(
    app,
    "PUT",
    "/v1/me/mfa/totp",
    web.Operation(
        summary="The new app's first code: from now on sign-in asks for it",
        permission=CHANGE,
        phi=True,
        audit=(Action.MFA_CHANGE, Action.CODE_SEND),
        body=FinishTotp,
        statuses=(204,),
        refusals=(409,),
    ),
)
def _finish_totp() -> Response[str]:
    call = _call()
    body = read(FinishTotp, web.body(app.current_event))
    finish_totp(call, body)
    return web.answer(204, "")


@web.operation(
    app,
    "POST",
    "/v1/me/mfa/recovery-codes",
    web.Operation(
        summary="Ten new recovery codes, shown this once; earlier ones are void",
        permission=CHANGE,
        phi=True,
        audit=(Action.RECOVERY_CODES, Action.CODE_SEND),
    ),
)
def _recovery_codes() -> Response[str]:
    return web.answer(200, json.dumps({"recovery_codes": new_recovery_codes(_call())}))


def _call() -> Call:
    event = app.current_event
    return Call(bootstrap.identity(), bootstrap.decider(), web.principal(event), web.source(event))
