"""Cognito's post-confirmation trigger: a password was reset, so all sessions end and the user is told."""

from __future__ import annotations

import time
from typing import Any

from phivault import bootstrap, logs
from phivault.audit.event import Action
from phivault.identity.password_was_reset import password_was_reset
from phivault.identity.trigger import Gate
from phivault.phi.detect import redact_line

logs.configure("post_confirmation", redact_line)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    recorder = bootstrap.recorder()
    asked = Gate(recorder, Action.PASSWORD_RESET, context.aws_request_id).read(event)
    return password_was_reset(asked, bootstrap.sessions(), recorder, bootstrap.messenger(), time.time)
