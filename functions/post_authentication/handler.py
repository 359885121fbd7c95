"""Cognito's post-authentication trigger: no tokens for a sign-in that can't be recorded."""

from __future__ import annotations

from typing import Any

from phivault import bootstrap, logs
from phivault.audit.event import Action
from phivault.identity.post_authentication import flags, post_authentication
from phivault.identity.trigger import Gate
from phivault.phi.detect import redact_line

logs.configure("post_authentication", redact_line)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    gate = Gate(bootstrap.recorder(), Action.AUTHENTICATED, context.aws_request_id)
    with gate.open(event, flags=flags(event)) as asked:
        return post_authentication(asked)
