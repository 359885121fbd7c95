"""What a signed-in user sees and changes of themselves: its routes stand in the modules imported here."""

from __future__ import annotations

from typing import Any

from functions.me import mfa, mfa_reset, profile, sessions
from functions.me.app import app

__all__ = ["app", "handler", "mfa", "mfa_reset", "profile", "sessions"]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
