"""The audit log, for those who review it."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.audit import search
from phivault import web
from phivault.audit.event import Action

app = web.resolver("audit")


@web.operation(
    app,
    "GET",
    "/v1/audit/events",
    web.Operation(
        summary="Events of one's tenant, newest first",
        permission="audit:search",
        audit=(Action.AUDIT_SEARCH,),
        parameters=search.PARAMETERS,
    ),
)
def _events() -> Response[str]:
    event = app.current_event
    parameters = web.parameters(event)
    return web.answer(200, search.answer(web.principal(event), web.source(event), parameters))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
