"""What a FHIR request asks besides its body: who calls and why, and the headers of conditional and repeated writes."""

from __future__ import annotations

import time

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from phivault import bootstrap, web
from phivault.access.principal import Principal
from phivault.audit.event import Action, RiskLevel
from phivault.errors import InvalidInput, PhivaultError
from phivault.identity.events import Trace, of_principal
from phivault.records.call import Call
from phivault.records.types import TYPES

CONDITIONS = ("If-None-Exist", "If-None-Match", "If-Unmodified-Since")


def call(event: APIGatewayProxyEvent, action: Action, type: str = "") -> Call:
    """Raises Unauthenticated, PurposeRequired or InvalidInput, each recorded."""
    principal = web.principal(event)
    try:
        _refuse_conditions(event)
        return Call(principal, web.purpose(event, principal), web.source(event).request_id)
    except PhivaultError as error:
        _record(event, principal, action, type, error)
        raise


def _record(event: APIGatewayProxyEvent, principal: Principal, action: Action, type: str, error: PhivaultError) -> None:
    trace = Trace(action, web.source(event), time.time(), error=error, risk=RiskLevel.MEDIUM)
    # Only the name of a type that is served: any other is the caller's own text.
    resource = type if type in TYPES or action is Action.TRANSACTION else ""
    bootstrap.recorder().append([of_principal(trace, principal, resource=resource)])


def _refuse_conditions(event: APIGatewayProxyEvent) -> None:
    # A read may ignore them; a write that did would do what its sender meant to prevent.
    if event.http_method != "GET" and any(web.header(event, name) is not None for name in CONDITIONS):
        raise InvalidInput("Of conditions, only If-Match is supported")


def if_match(event: APIGatewayProxyEvent) -> str | None:
    return web.header(event, "If-Match")


def idempotency_key(event: APIGatewayProxyEvent) -> str | None:
    return web.header(event, "Idempotency-Key")
