"""Accounts made and recovered: its routes stand in the modules imported here."""

from __future__ import annotations

from typing import Any

from functions.accounts import password, recover, sign_up
from functions.accounts.app import app

__all__ = ["app", "handler", "password", "recover", "sign_up"]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
