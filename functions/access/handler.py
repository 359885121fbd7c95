"""Who may see what, and how that changes: its routes stand in the modules imported here."""

from __future__ import annotations

from typing import Any

from functions.access import break_glass, care_team, explain, grants, policies, restriction
from functions.access.app import app

__all__ = ["app", "break_glass", "care_team", "explain", "grants", "handler", "policies", "restriction"]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
