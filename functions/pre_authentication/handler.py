"""Cognito's pre-authentication trigger: nobody who is suspended or offboarded gets to try a password."""

from __future__ import annotations

from typing import Any

from phivault import bootstrap, logs
from phivault.audit.event import Action
from phivault.identity.pre_authentication import pre_authentication
from phivault.identity.trigger import Gate
from phivault.phi.detect import redact_line

logs.configure("pre_authentication", redact_line)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    gate = Gate(bootstrap.recorder(), Action.ADMISSION, context.aws_request_id)
    with gate.open(event) as asked:
        return pre_authentication(asked, bootstrap.directory())
