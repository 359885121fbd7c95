"""What a FHIR request asks besides its body: who calls and why, and the headers of conditional and repeated writes."""

from __future__ import annotations

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from phivault import web
from phivault.records.call import Call


def call(event: APIGatewayProxyEvent) -> Call:
    """Raises Unauthenticated, PurposeRequired or InvalidInput."""
    principal = web.principal(event)
    return Call(principal, web.purpose(event, principal), web.source(event).request_id)


def if_match(event: APIGatewayProxyEvent) -> str | None:
    return web.header(event, "If-Match")


def idempotency_key(event: APIGatewayProxyEvent) -> str | None:
    return web.header(event, "Idempotency-Key")


def base_url(event: APIGatewayProxyEvent) -> str:
    """Where the FHIR API is reached, as the caller reached it; no slash at the end."""
    context = event.raw_event["requestContext"]
    stage = str(context.get("path", event.path)).removesuffix(event.path)
    scheme = web.header(event, "X-Forwarded-Proto") or "https"
    return f"{scheme}://{context.get('domainName', '')}{stage}/v1/fhir"
