"""The audit log, for those who review it: its routes stand in the modules imported here."""

from __future__ import annotations

from typing import Any

from functions.audit import export_order, exports, fhir, proofs, search
from functions.audit.app import app

__all__ = ["app", "export_order", "exports", "fhir", "handler", "proofs", "search"]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
