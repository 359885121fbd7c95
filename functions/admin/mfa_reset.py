"""The reset of a user's second factors by two people."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.admin.app import app
from functions.admin.asked import USER, about, call
from phivault import web
from phivault.audit.event import Action
from phivault.identity.users.approve_mfa_reset import approve_mfa_reset
from phivault.identity.users.cancel_mfa_reset import cancel_mfa_reset
from phivault.identity.users.request_mfa_reset import request_mfa_reset

RESET = USER + "/mfa-reset"
PERMISSION = "admin:mfa-reset"


@web.operation(
    app,
    "POST",
    RESET,
    about(
        "Ask for a reset of a user's factors; they are told",
        Action.MFA_RESET_REQUEST,
        PERMISSION,
        Action.CODE_SEND,
        statuses=(202,),
        refusals=(409,),
    ),
)
def _request(id: str) -> Response[str]:
    return web.answer(202, json.dumps(request_mfa_reset(call(), id).shown()))


@web.operation(
    app,
    "POST",
    RESET + "/approve",
    about(
        "Approve the reset that somebody else asked for",
        Action.MFA_RESET_APPROVE,
        PERMISSION,
        Action.CODE_SEND,
        refusals=(409,),
    ),
)
def _approve(id: str) -> Response[str]:
    return web.answer(200, json.dumps(approve_mfa_reset(call(), id).shown()))


@web.operation(
    app,
    "DELETE",
    RESET,
    about("Cancel a reset that wasn't used yet", Action.MFA_RESET_CANCEL, PERMISSION, statuses=(204,), refusals=(409,)),
)
def _cancel(id: str) -> Response[str]:
    cancel_mfa_reset(call(), id)
    return web.answer(204, "")
