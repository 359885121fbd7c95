"""Whether the stack is ready: every store that a read or write needs answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import Response

from phivault import bootstrap, web
from phivault.adapters import readiness
from phivault.errors import PhivaultError
from phivault.settings import settings

app = web.resolver("health")


@web.operation(
    app, "GET", "/healthz", web.Operation(summary="Whether the stack is ready", permission="anyone", audit=())
)
def _healthz() -> Response[str]:
    checks: dict[str, Callable[[], None]] = {
        "database": lambda: bootstrap.postgres().ping(),
        "audit_bucket": lambda: readiness.bucket(settings().audit_bucket),
        "access_state": lambda: readiness.table(settings().access_state_table),
    }
    parts = {name: _state(check) for name, check in checks.items()}
    ready = set(parts.values()) == {"ready"}
    body = json.dumps({"status": "ready" if ready else "unavailable", "parts": parts})
    return web.answer(200, body) if ready else web.answer(503, body, Retry_After="5")


def _state(check: Callable[[], None]) -> str:
    try:
        check()
    except PhivaultError:
        return "unavailable"
    return "ready"


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
