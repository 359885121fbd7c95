"""Refuse the reset of one's second factors that an administrator asked for."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.me.app import app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.identity.users.call import Call
from phivault.identity.users.cancel_mfa_reset import cancel_own_mfa_reset


@web.operation(
    app,
    "DELETE",
    "/v1/me/mfa/reset",
    web.Operation(
        summary="Cancel the reset of one's second factors that was asked for or approved",
        permission="signed-in",
        audit=(Action.MFA_RESET_CANCEL,),
        phi=True,
        statuses=(204,),
        refusals=(409,),
    ),
)
def _cancel() -> Response[str]:
    event = app.current_event
    call = Call(bootstrap.identity(), bootstrap.decider(), web.principal(event), web.source(event))
    cancel_own_mfa_reset(call)
    return web.answer(204, "")
