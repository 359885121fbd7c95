"""The same events as FHIR reads them: AuditEvent, read and searched."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aws_lambda_powertools.event_handler import Response

from functions.audit.app import about, app, no_parameters
from functions.audit.reviewed import reviewed
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.audit.lookup import find
from phivault.audit.projections.fhir import project
from phivault.audit.projections.fhir_search import PARAMETERS, bundle, parse, search

MEDIA_TYPE = "application/fhir+json"
RESOURCES = "/v1/fhir/AuditEvent"


@web.operation(
    app, "GET", RESOURCES, about("Events as FHIR AuditEvents", Action.FHIR_AUDIT_SEARCH, parameters=PARAMETERS)
)
def _search() -> Response[str]:
    event = app.current_event
    given = event.multi_value_query_string_parameters or {}
    pairs = [(name, value) for name, values in given.items() for value in values]

    def look(tenant: str) -> str:
        return found(tenant, pairs, web.fhir_url(event))

    return web.answer(200, reviewed(event, Action.FHIR_AUDIT_SEARCH, "audit:search", look), media=MEDIA_TYPE)


@web.operation(app, "GET", RESOURCES + "/{id}", about("One event as an AuditEvent", Action.FHIR_AUDIT_READ))
def _read(id: str) -> Response[str]:
    def look(tenant: str) -> str:
        return resource(tenant, id)

    text = reviewed(app.current_event, Action.FHIR_AUDIT_READ, "audit:search", look, id=id)
    return web.answer(200, text, media=MEDIA_TYPE)


def found(tenant: str, parameters: Sequence[tuple[str, str]], base_url: str) -> str:
    """The searchset as JSON. Raises UnsupportedParameter, InvalidInput or Unavailable."""
    asked = parse(parameters)
    return json.dumps(bundle(search(bootstrap.audit_index(), tenant, asked), asked, base_url))


def resource(tenant: str, id: str) -> str:
    """One AuditEvent as JSON. Raises NotFound or Unavailable."""
    no_parameters()
    return json.dumps(project(find(bootstrap.audit_index(), tenant, id).entry))
