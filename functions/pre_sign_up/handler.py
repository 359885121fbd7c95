"""Cognito's pre-sign-up trigger: no account but by our own functions, with a tenant and a role."""

from __future__ import annotations

from typing import Any

from phivault import bootstrap, logs
from phivault.audit.event import Action
from phivault.identity.pre_sign_up import pre_sign_up
from phivault.identity.trigger import Gate
from phivault.phi.detect import redact_line

logs.configure("pre_sign_up", redact_line)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    gate = Gate(bootstrap.recorder(), Action.ACCOUNT_CREATE, context.aws_request_id)
    with gate.open(event) as asked:
        return pre_sign_up(asked)
