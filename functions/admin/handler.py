"""Users and settings of a tenant, for its administrators: its routes stand in the modules imported here."""

from __future__ import annotations

from typing import Any

from functions.admin import invitations, ip_allow_list, mfa_reset, settings, user_sessions, users
from functions.admin.app import app

__all__ = ["app", "handler", "invitations", "ip_allow_list", "mfa_reset", "settings", "user_sessions", "users"]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
