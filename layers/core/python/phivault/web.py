"""The HTTP face: API Gateway events (REST, proxy integration) become typed requests, errors become answers.

Errors are problem details (RFC 9457), under ``fhir/`` OperationOutcomes. Every answer carries ``X-Request-Id``;
a 5xx names the same id as ``instance`` (or in its diagnostics), under which its cause stands in the log.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.exceptions import ServiceError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel

from phivault import bootstrap, logs
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, purpose_for
from phivault.audit.event import Action
from phivault.audit.system import request
from phivault.errors import (
    ContentTooLarge,
    InvalidInput,
    NotFound,
    PhivaultError,
    UnsupportedMediaType,
    UnsupportedParameter,
)
from phivault.identity.source import Source
from phivault.phi.detect import redact_line
from phivault.settings import settings

log = logging.getLogger(__name__)

MAX_BODY = 1 << 20
JSON_TYPES = ("application/json", "application/fhir+json")
FORM = "application/x-www-form-urlencoded"
PURPOSE_HEADER = "X-Purpose-Of-Use"
PROJECT_HEADER = "X-Research-Project"
CONTEXT_HEADER = "X-Security-Context"
"""Whose the raw content of a Binary is: Patient/<id> (FHIR R4 2.37.4)."""
HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Vary": "Origin"}
"""On every answer: kept by no cache, read as what it says it is. Which CORS headers it has depends on the Origin."""
TLS_ONLY: Final = {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"}
EXPOSED = ("Content-Disposition", "ETag", "Location", "Last-Modified", "Retry-After", "X-Request-Id")
type Answer = Response[str]
type Writer = Callable[[PhivaultError, str], tuple[str, str]]


def source(event: APIGatewayProxyEvent) -> Source:
    """Where the request comes from; the user agent is cut to 512 characters."""
    context = event.request_context
    user_agent = (header(event, "User-Agent") or "")[:512]
    return Source(context.identity.source_ip or "", user_agent, context.request_id)


def claims(event: APIGatewayProxyEvent) -> dict[str, Any]:
    """The claims of the token that API Gateway's authorizer verified; values are strings there."""
    authorizer = event.raw_event.get("requestContext", {}).get("authorizer") or {}
    return dict(authorizer.get("claims") or {})


def header(event: APIGatewayProxyEvent, name: str) -> str | None:
    """A header by its name in any case. Raises InvalidInput where it is repeated: which counts would be a guess."""
    values = (event.multi_value_headers or {}).get(name) or ()
    if len(values) > 1:
        raise InvalidInput(f"The header {name} is repeated")
    return event.headers.get(name)


def media_type(event: APIGatewayProxyEvent) -> str:
    """The media type of the request's body, in lower case without its parameters; "" where it has none."""
    return (header(event, "Content-Type") or "").lower().partition(";")[0].strip()


def body(event: APIGatewayProxyEvent, *, limit: int = MAX_BODY, types: Sequence[str] = JSON_TYPES) -> bytes:
    """The request's body, text in UTF-8 of one of ``types``. Raises UnsupportedMediaType, ContentTooLarge (``limit`` in
    bytes) or InvalidInput."""
    parameters = (header(event, "Content-Type") or "").lower().split(";")[1:]
    charsets = [text.strip().removeprefix("charset=").strip('"') for text in parameters if "charset=" in text]
    if media_type(event) not in types or charsets not in ([], ["utf-8"]):
        raise UnsupportedMediaType(f"Send {' or '.join(types)} in UTF-8")
    return content(event, limit=limit)


def content(event: APIGatewayProxyEvent, *, limit: int) -> bytes:
    """The request's body, whatever it is. Raises UnsupportedMediaType for an encoded one, ContentTooLarge (``limit`` in
    bytes) or InvalidInput."""
    if (header(event, "Content-Encoding") or "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("Send the body without Content-Encoding")
    raw = _raw(event)
    if len(raw) > limit:
        raise ContentTooLarge(f"The body may have {limit} bytes")
    return raw


def _raw(event: APIGatewayProxyEvent) -> bytes:
    text = event.body or ""
    if not event.is_base64_encoded:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise InvalidInput("The body is not valid base64") from None


def answer(status: int, content: str, *, media: str = "application/json", **headers: str) -> Answer:
    """An answer with a finished body; header names are given with underscores."""
    named: dict[str, str | list[str]] = {name.replace("_", "-"): value for name, value in headers.items()}
    fixed = HEADERS if settings().profile == "local" else HEADERS | TLS_ONLY
    return Response(status, media, content, headers={**fixed, **named})


def problem(error: PhivaultError, request_id: str) -> tuple[str, str]:
    """Media type and text of a problem detail (RFC 9457)."""
    document: dict[str, Any] = {
        "type": f"urn:phivault:problem:{error.code}",
        "title": error.title,
        "status": error.status,
    }
    if error.detail:
        document["detail"] = error.detail
    if error.status >= 500:
        document["instance"] = f"urn:uuid:{request_id}"
    return "application/problem+json", json.dumps(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the API document says of an operation. ``permission`` is who may call it; ``phi`` whether PHI passes;
    ``audit`` the actions it records; ``body`` the model of its request, or the media type of a FHIR one, and whether
    it may be left out (``body_optional``); ``answer`` the media type of its answer, where that isn't JSON;
    ``statuses`` those of a success (204: no content), ``refusals`` those that it has beyond the common ones; ``raw``
    whether its body (or its answer, where it has none) may be what a Binary holds.
    """

    summary: str
    permission: str
    audit: tuple[str, ...]
    phi: bool = False
    body: type[BaseModel] | str | None = None
    body_optional: bool = False
    parameters: tuple[str, ...] = ()
    answer: str = ""
    statuses: tuple[int, ...] = (200,)
    refusals: tuple[int, ...] = ()
    raw: bool = False


OPERATIONS: dict[tuple[str, str], Operation] = {}
_TAKES_NONE: Final = {
    False: "This address takes no parameters",
    True: f"This address takes no parameters: they stand in the body, as {FORM}",
}


def operation[F: Callable[..., Answer]](
    app: APIGatewayRestResolver, method: str, path: str, about: Operation
) -> Callable[[F], F]:
    """Register a handler for ``method`` and ``path`` (parameters in braces, as in the function table)."""
    OPERATIONS[method, path] = about
    extensions = {"x-permission": about.permission, "x-phi": about.phi, "x-audit": list(about.audit)}
    rule = path.replace("{", "<").replace("}", ">").replace("$", r"\$")  # Powertools reads it as a pattern
    register: Callable[[F], F] = app.route(
        rule,
        method,
        summary=about.summary,
        tags=[path.split("/")[-1 if path.count("/") < 3 else 2]],
        operation_id=_operation_id(method, path),
        openapi_extensions=extensions,
        middlewares=[_around(about)],
    )
    return register


def _around(about: Operation) -> Callable[[APIGatewayRestResolver, NextMiddleware], Answer]:
    def around(app: APIGatewayRestResolver, following: NextMiddleware) -> Answer:
        event = app.current_event
        # A parameter that were ignored could hold PHI, or ask for less than would be released.
        if about.phi and not about.parameters and event.multi_value_query_string_parameters:
            raise UnsupportedParameter(_TAKES_NONE[about.body == FORM])
        request.set(event.request_context.request_id)
        response = following(app)
        if about.audit and not bootstrap.recorder().was_asked(event.request_context.request_id):
            raise PhivaultError("An operation answered without a record")  # nothing leaves unrecorded, bug or not
        response.headers["X-Request-Id"] = event.request_context.request_id
        return response

    return around


def _operation_id(method: str, path: str) -> str:
    return "-".join([method.lower(), *(part.strip("{}$") for part in path.split("/")[1:])])


def resolver(service: str, write_error: Writer = problem) -> APIGatewayRestResolver:
    """A Powertools resolver with our errors, CORS and logs; ``write_error`` chooses the form of errors."""
    logs.configure(service, redact_line)
    app = APIGatewayRestResolver(cors=_cors(), enable_validation=False)

    def known(error: PhivaultError) -> Answer:
        return _refuse(app.current_event, error, write_error)

    def unrouted(error: ServiceError) -> Answer:
        # Its text is the library's; a path that the function table has and the resolver can't read names nothing.
        missing = error.status_code == NotFound.status
        known = NotFound("There is no such path") if missing else InvalidInput(str(error.msg))
        return _refuse(app.current_event, known, write_error)

    def unknown(error: Exception) -> Answer:
        return _refuse(app.current_event, _unexpected(error), write_error)

    app.exception_handler(PhivaultError)(known)
    app.exception_handler(ServiceError)(unrouted)
    app.exception_handler(Exception)(unknown)
    return app


def _unexpected(error: Exception) -> PhivaultError:
    hidden = PhivaultError()
    hidden.__cause__ = error
    return hidden


def _refuse(event: APIGatewayProxyEvent, error: PhivaultError, write: Writer) -> Answer:
    request_id = event.request_context.request_id
    try:
        _leave_record(event, error)
    except PhivaultError as unrecorded:
        error = unrecorded
    if error.status >= 500:
        log.error("request failed: %s", error.code, exc_info=error, extra={"request_id": request_id})
    media, text = write(error, request_id)
    extra = {} if error.retry_after is None else {"Retry_After": str(error.retry_after)}
    if error.status == 401:
        extra["WWW_Authenticate"] = "Bearer"
    return answer(error.status, text, media=media, X_Request_Id=request_id, **extra)


def _leave_record(event: APIGatewayProxyEvent, error: PhivaultError) -> None:
    """Record what failed before its verb could, such as a body that can't be read."""
    about = OPERATIONS.get((event.http_method, event.resource))
    request_id = event.request_context.request_id
    if about is None or not about.audit or bootstrap.recorder().was_asked(request_id):
        return
    request.set(request_id)
    try:
        place = source(event)
    except InvalidInput:  # of two user agents neither is believed
        place = Source(event.request_context.identity.source_ip or "", "", request_id)
    bootstrap.sessions().record_refused(Action(about.audit[0]), claims(event), place, error)


def _cors() -> CORSConfig | None:
    origins = settings().cors_origins
    if not origins:
        return None
    return CORSConfig(
        allow_origin=origins[0],
        extra_origins=list(origins[1:]),
        allow_headers=[
            PURPOSE_HEADER,
            PROJECT_HEADER,
            "If-Match",
            "If-None-Exist",
            "Idempotency-Key",
            "Prefer",
            CONTEXT_HEADER,
        ],
        expose_headers=list(EXPOSED),
        max_age=600,
    )


def principal(event: APIGatewayProxyEvent) -> Principal:
    """Who asks: the verified token's claims and a live Session row. Raises Unauthenticated."""
    return bootstrap.sessions().authenticate(claims(event), source(event))


def fhir_url(event: APIGatewayProxyEvent) -> str:
    """Where the FHIR API is reached, as the caller reached it; no slash at the end."""
    return f"{base_url(event)}/v1/fhir"


def base_url(event: APIGatewayProxyEvent) -> str:
    """What stands before a path of the function table, as the caller reached it; no slash at the end."""
    context = event.raw_event["requestContext"]
    stage = str(context.get("path", event.path)).removesuffix(event.path)
    scheme = header(event, "X-Forwarded-Proto") or "https"
    return f"{scheme}://{context.get('domainName', '')}{stage}"


def purpose(event: APIGatewayProxyEvent, who: Principal) -> Purpose:
    """Why: the header, or the role's default in this tenant. Raises PurposeRequired or InvalidInput."""
    return purpose_for(who.role, header(event, PURPOSE_HEADER), who.default_purpose)


def optional_body(event: APIGatewayProxyEvent) -> bytes:
    """The request's body where there is one, else nothing."""
    return body(event) if event.body else b""


def parameters(event: APIGatewayProxyEvent) -> dict[str, str]:
    """The query's parameters. Raises InvalidInput where one is repeated: which of them counts would be a guess."""
    given = event.multi_value_query_string_parameters or {}
    if any(len(values) > 1 for values in given.values()):
        raise InvalidInput("A parameter is repeated")
    return {name: values[0] for name, values in given.items()}
