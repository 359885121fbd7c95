"""A request as API Gateway's REST proxy integration hands it to a function."""

from __future__ import annotations

import base64
from typing import Any

from starlette.requests import Request

from local.gateway.routes import Match
from phivault.records.binary import RAW_TYPES


def proxy_event(
    request: Request, body: bytes, match: Match, claims: dict[str, str] | None, request_id: str
) -> dict[str, Any]:
    """The event, payload format 1.0; a body of a binary media type, or that isn't UTF-8, travels as base64."""
    text, encoded = _text(body, request.headers.get("content-type", "").lower() in RAW_TYPES)
    headers: dict[str, list[str]] = {}
    for name, value in request.headers.items():
        headers.setdefault(name.title(), []).append(value)
    headers["X-Forwarded-Proto"] = [request.url.scheme]
    query: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        query.setdefault(name, []).append(value)
    return {
        "resource": match.route.path,
        "path": raw_path(request),
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": match.parameters or None,
        "stageVariables": None,
        "requestContext": _context(request, match, claims, request_id),
        "body": text,
        "isBase64Encoded": encoded,
    }


def _context(request: Request, match: Match, claims: dict[str, str] | None, request_id: str) -> dict[str, Any]:
    return {
        "requestId": request_id,
        "resourcePath": match.route.path,
        "path": raw_path(request),
        "httpMethod": request.method,
        "stage": "local",
        "domainName": request.headers.get("host", ""),
        "protocol": f"HTTP/{request.scope.get('http_version', '1.1')}",
        "identity": {
            "sourceIp": request.client.host if request.client else "",
            "userAgent": request.headers.get("user-agent", ""),
        },
        "authorizer": {"claims": claims} if claims is not None else {},
    }


def _text(body: bytes, binary: bool) -> tuple[str | None, bool]:
    if not body:
        return None, False
    try:
        return (base64.b64encode(body).decode(), True) if binary else (body.decode(), False)
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def raw_path(request: Request) -> str:
    """The path as sent, still percent-encoded: an encoded slash must not become a segment's end."""
    return bytes(request.scope.get("raw_path", b"")).decode("ascii", "replace").partition("?")[0]
