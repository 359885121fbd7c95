"""The resolver that this function's routes register with."""

from __future__ import annotations

from typing import Any

from phivault import web
from phivault.audit.event import Action
from phivault.errors import PhivaultError, UnsupportedParameter
from phivault.records.operation_outcome import outcome


def _written(error: PhivaultError, request_id: str) -> tuple[str, str]:
    under_fhir = app.current_event.path.startswith("/v1/fhir/")
    return outcome(error, request_id) if under_fhir else web.problem(error, request_id)


app = web.resolver("audit", _written)


def about(summary: str, action: Action, permission: str = "audit:search", **more: Any) -> web.Operation:
    return web.Operation(summary=summary, permission=permission, audit=(action,), **more)


def no_parameters() -> None:
    """Raises UnsupportedParameter: one that were ignored could ask for less than would be released."""
    if app.current_event.multi_value_query_string_parameters:
        raise UnsupportedParameter("This address takes no parameters")
