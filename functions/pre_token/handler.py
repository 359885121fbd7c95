"""Cognito's pre-token-generation trigger (V2_0): no tokens without a second factor, a tenant and a role."""

from __future__ import annotations

from typing import Any

from phivault import bootstrap, logs
from phivault.adapters.cognito import enrolled_factors
from phivault.errors import PhivaultError
from phivault.identity.pre_token import hash_of_nonce, nonce_of, refusal, require_granted, respond
from phivault.identity.trigger import Refused, refused
from phivault.phi.detect import redact_line

logs.configure("pre_token", redact_line)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    # The pool's id comes with the event: a pool that names its trigger can't be named by it at deployment.
    try:
        nonce = nonce_of(event)
        if nonce:
            require_granted(event, bootstrap.factor_rows().granted(hash_of_nonce(nonce)))
        return respond(event, enrolled_factors(event["userPoolId"], event["userName"]), elevated=bool(nonce))
    except PhivaultError as error:
        raise _recorded(event, error, context.aws_request_id) from None


def _recorded(event: dict[str, Any], error: PhivaultError, request_id: str) -> Refused:
    try:
        bootstrap.recorder().append([refusal(event, error, request_id)])
    except PhivaultError as unrecorded:
        return refused(unrecorded)
    return refused(error)
