"""What API Gateway itself answers, in the form of our own errors (RFC 9457)."""

from __future__ import annotations

import json
from typing import Final

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from phivault import errors

ANSWERS: Final[dict[str, type[errors.PhivaultError]]] = {
    "UNAUTHORIZED": errors.Unauthenticated,
    "EXPIRED_TOKEN": errors.Unauthenticated,
    "MISSING_AUTHENTICATION_TOKEN": errors.NotFound,  # its name for a route that doesn't exist
    "RESOURCE_NOT_FOUND": errors.NotFound,
    "ACCESS_DENIED": errors.AccessDenied,
    "WAF_FILTERED": errors.AccessDenied,
    "BAD_REQUEST_BODY": errors.InvalidInput,
    "BAD_REQUEST_PARAMETERS": errors.InvalidInput,
    "REQUEST_TOO_LARGE": errors.ContentTooLarge,
    "UNSUPPORTED_MEDIA_TYPE": errors.UnsupportedMediaType,
    "THROTTLED": errors.TooManyRequests,
    "QUOTA_EXCEEDED": errors.TooManyRequests,
    "INTEGRATION_TIMEOUT": errors.Unavailable,
    "INTEGRATION_FAILURE": errors.Unavailable,
    "AUTHORIZER_FAILURE": errors.Unavailable,
    "DEFAULT_5XX": errors.PhivaultError,
}
RETRY_SECONDS: Final = 1


def gateway_responses(scope: Construct, api: apigateway.RestApi, origins: tuple[str, ...]) -> None:
    for kind, error in ANSWERS.items():
        apigateway.CfnGatewayResponse(
            scope,
            f"Answer{kind.title().replace('_', '')}",
            rest_api_id=api.rest_api_id,
            response_type=kind,
            status_code=str(error.status),
            response_parameters=_headers(error, origins),
            response_templates={"application/json": _body(error)},
        )


def _body(error: type[errors.PhivaultError]) -> str:
    """Nothing of the request but its id: API Gateway's own texts quote it."""
    document = {"type": f"urn:phivault:problem:{error.code}", "title": error.title, "status": error.status}
    if error.status >= 500:
        document["instance"] = "urn:uuid:$context.requestId"
    return json.dumps(document)


def _headers(error: type[errors.PhivaultError], origins: tuple[str, ...]) -> dict[str, str]:
    headers = {
        "Content-Type": "'application/problem+json'",
        "Cache-Control": "'no-store'",
        "X-Content-Type-Options": "'nosniff'",
        "Strict-Transport-Security": "'max-age=63072000; includeSubDomains'",
        "X-Request-Id": "context.requestId",
    }
    if error.status == errors.Unauthenticated.status:
        headers["WWW-Authenticate"] = "'Bearer'"
    if error.status in (errors.TooManyRequests.status, errors.Unavailable.status):
        headers["Retry-After"] = f"'{RETRY_SECONDS}'"
    if origins:
        # Several can't be told apart here. These answers hold a status and an id, so any page may read them.
        headers["Access-Control-Allow-Origin"] = f"'{origins[0]}'" if len(origins) == 1 else "'*'"
        headers["Access-Control-Expose-Headers"] = "'Retry-After,X-Request-Id'"
        headers["Vary"] = "'Origin'"
    return {f"gatewayresponse.header.{name}": value for name, value in headers.items()}
