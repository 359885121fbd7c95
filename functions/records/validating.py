"""Validate a resource without keeping it."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.records import answers, asked, binary
from functions.records.routes import RESOURCE, about, app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.records import validating


@web.operation(
    app,
    "POST",
    RESOURCE + "/$validate",
    about("Say what a create would say, and keep nothing", Action.VALIDATE, "create", body=True),
)
def _validate(type: str) -> Response[str]:
    event = app.current_event
    call, body = asked.call(event, Action.VALIDATE, type), binary.json_body(event, type)
    return answers.document(validating.validating(bootstrap.records(), call, type, body))
