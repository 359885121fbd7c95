"""Search a type: by an address, or by a form, which no address shows."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from functions.records import answers, asked
from functions.records.routes import RESOURCE, about, app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.errors import InvalidInput
from phivault.records import search

MAX_FORM = 16 << 10
MAX_FIELDS = 100
# What may stand in an address: opaque ids, and what says how to answer. Each type's own parameters are in its
# CapabilityStatement.
PARAMETERS = ("_id", "patient", "subject", "status", "_lastUpdated", "_count", "_sort")
SHAPES = ("_include", "_summary", "_elements", "_cursor", "_format")


@web.operation(
    app,
    "GET",
    RESOURCE,
    about("Find by what tells nothing about a person", Action.SEARCH, "search", parameters=PARAMETERS + SHAPES),
)
def _search(type: str) -> Response[str]:
    event = app.current_event
    call = asked.call(event, Action.SEARCH, type)
    given = event.multi_value_query_string_parameters or {}
    parameters = [(name, value) for name, values in given.items() for value in values]
    found = search.search(bootstrap.records(), call, type, parameters, base_url=web.fhir_url(event))
    return answers.document(found.body)


@web.operation(
    app,
    "POST",
    RESOURCE + "/_search",
    replace(about("Find by anything; its parameters stand in the body", Action.SEARCH, "search"), body=web.FORM),
)
def _search_posted(type: str) -> Response[str]:
    event = app.current_event
    call, parameters = asked.call(event, Action.SEARCH, type), _form(event)
    found = search.search(bootstrap.records(), call, type, parameters, base_url=web.fhir_url(event), posted=True)
    return answers.document(found.body)


def _form(event: APIGatewayProxyEvent) -> list[tuple[str, str]]:
    """The fields of the body. Raises UnsupportedMediaType, ContentTooLarge or InvalidInput."""
    raw = web.body(event, limit=MAX_FORM, types=(web.FORM,))
    try:
        text = raw.decode()
        return (
            parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FIELDS)
            if text
            else []
        )
    except ValueError:  # UnicodeDecodeError is one; its text quotes the body
        raise InvalidInput(f"The body is not a form of at most {MAX_FIELDS} fields in UTF-8") from None
