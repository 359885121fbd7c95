"""All there is about one patient."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.records import answers, asked
from functions.records.history import PAGE
from functions.records.routes import INSTANCE, about, app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.records import everything


@web.operation(
    app,
    "GET",
    INSTANCE + "/$everything",
    about("All there is about a patient", Action.EVERYTHING, "read", parameters=(*PAGE, "_type")),
)
def _everything(type: str, id: str) -> Response[str]:
    event = app.current_event
    if type != "Patient":
        raise NotFound("$everything is asked of a Patient")
    call, parameters = asked.call(event, Action.EVERYTHING, type), web.parameters(event)
    found = everything.everything(bootstrap.records(), call, id, parameters, base_url=web.fhir_url(event))
    return answers.document(found.body)
