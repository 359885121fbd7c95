"""Bodies that aren't FHIR JSON: what a Binary holds, as it is."""

from __future__ import annotations

import base64
from typing import Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from functions.records import answers
from phivault import web
from phivault.errors import UnsupportedMediaType
from phivault.records.binary import BINARY, RAW_TYPES, content_of, wants_raw, wrapped
from phivault.records.released import Released
from phivault.records.types import MAX_BODY, MAX_CONTENT, TYPES

DISPOSITION: Final = "attachment"
"""Never a page of this server's origin: a browser saves it."""


def body(event: APIGatewayProxyEvent, type: str, id: str | None = None) -> bytes:
    """The FHIR JSON of a create or an update, made of raw content where that was sent for a Binary."""
    media = web.media_type(event)
    if type != BINARY or media in web.JSON_TYPES:
        return json_body(event, type)
    if media not in RAW_TYPES or not event.is_base64_encoded:
        # API Gateway hands other types over as text, which isn't what was sent where it wasn't text.
        raise UnsupportedMediaType("Send FHIR JSON, or raw content as one of " + ", ".join(RAW_TYPES))
    return wrapped(web.content(event, limit=MAX_CONTENT), media, web.header(event, web.CONTEXT_HEADER), id)


def json_body(event: APIGatewayProxyEvent, type: str) -> bytes:
    """FHIR JSON of at most as many bytes as a resource of the type may have."""
    return web.body(event, limit=TYPES[type].max_body if type in TYPES else MAX_BODY)


def is_raw(event: APIGatewayProxyEvent, type: str) -> bool:
    """Whether a read asks for what a Binary holds and not for the resource."""
    return type == BINARY and not event.multi_value_query_string_parameters and wants_raw(web.header(event, "Accept"))


def answer(released: Released) -> Response[str]:
    """What a Binary holds, to be saved. Its text goes to API Gateway as base64 and leaves it as bytes."""
    content = content_of(released)
    response = answers.resource(
        released, body=base64.b64encode(content.raw).decode(), media=content.media, Content_Disposition=DISPOSITION
    )
    response.base64_encoded = True
    return response
