"""FHIR resources: every route is one verb of phivault.records, in the rooms beside this file."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.records import answers, bundling, everything, history, reading, searching, validating, writing
from functions.records.routes import ALL, app
from phivault import web
from phivault.records import capability

ROOMS = (bundling, everything, history, reading, searching, validating, writing)
"""Importing them registers their routes."""


@web.operation(
    app, "GET", ALL + "/metadata", web.Operation(summary="What this server can do", permission="anyone", audit=())
)
def _metadata() -> Response[str]:
    return answers.document(capability.statement(web.fhir_url(app.current_event)))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
