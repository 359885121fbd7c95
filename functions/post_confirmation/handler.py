"""Cognito's post-confirmation trigger: a password was reset, so all sessions end and the user is told."""

from __future__ import annotations

import time
from typing import Any

from phivault import bootstrap, logs
from phivault.errors import InvalidInput
from phivault.identity.password_was_reset import password_was_reset
from phivault.identity.trigger import read, refused

logs.configure("post_confirmation")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        asked = read(event, context.aws_request_id)
    except InvalidInput as error:
        raise refused(error) from None
    return password_was_reset(asked, bootstrap.sessions(), bootstrap.recorder(), bootstrap.messenger(), time.time)
