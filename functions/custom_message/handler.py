"""Cognito's custom-message trigger: what its messages say; none leaves unrecorded."""

from __future__ import annotations

from typing import Any

from phivault import bootstrap, logs
from phivault.audit.event import Action
from phivault.identity.custom_message import custom_message, purpose
from phivault.identity.trigger import Gate
from phivault.phi.detect import redact_line

logs.configure("custom_message", redact_line)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    gate = Gate(bootstrap.recorder(), Action.CODE_SEND, context.aws_request_id)
    with gate.open(event, resource="Message", resource_id=purpose(event)) as asked:
        return custom_message(asked)
