"""The versions of one resource."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.records import answers, asked
from functions.records.routes import INSTANCE, about, app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.records import history

PAGE = ("_count", "_since", "_cursor", "_format")


@web.operation(app, "GET", INSTANCE + "/_history", about("List the versions", Action.HISTORY, "read", parameters=PAGE))
def _history(type: str, id: str) -> Response[str]:
    event = app.current_event
    call, parameters = asked.call(event, Action.HISTORY, type), web.parameters(event)
    found = history.history(bootstrap.records(), call, type, id, parameters, base_url=web.fhir_url(event))
    return answers.document(found.body)
