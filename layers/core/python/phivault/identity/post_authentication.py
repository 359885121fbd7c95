"""The post-authentication trigger: Cognito holds password and factor proven, and hasn't asked for tokens yet.

It decides nothing; its record gates the tokens, since Cognito issues none where it fails.
Shape: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-authentication.html
"""

from __future__ import annotations

from typing import Any

from phivault.identity.trigger import Asked

NEW_DEVICE = "device:new"


def post_authentication(asked: Asked) -> dict[str, Any]:
    """The event; nothing is expected in its response."""
    return asked.answer()


def flags(event: object) -> tuple[str, ...]:
    """What the record says beside the user: a device that Cognito hasn't seen, where the pool remembers devices."""
    request = event.get("request") if isinstance(event, dict) else None
    new = isinstance(request, dict) and request.get("newDeviceUsed") is True
    return (NEW_DEVICE,) if new else ()
