"""The gateway itself: one ASGI endpoint in front of the functions."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from functions.row import Function
from local.gateway.access_log import Entry, answered
from local.gateway.authorizer import Authorizer
from local.gateway.event import proxy_event, raw_path
from local.gateway.routes import Match, Routes
from local.gateway.throttle import Throttle
from local.workers import WorkerDied
from phivault import web
from phivault.errors import (
    ContentTooLarge,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    PhivaultError,
    TooManyRequests,
)
from phivault.ids import uuid7
from phivault.records.binary import wants_raw
from phivault.records.operation_outcome import outcome

log = logging.getLogger("phivault.gateway")
access = logging.getLogger("phivault.access")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_PAYLOAD = 10 * (1 << 20)  # API Gateway's own limit
type Invoke = Callable[[Function, dict[str, Any], str], dict[str, Any]]


class Gateway:
    """``hosts`` are the accepted Host headers (against DNS rebinding), ``origins`` the CORS allow-list."""

    def __init__(
        self,
        *,
        table: Iterable[Function],
        authorizer: Authorizer,
        invoke: Invoke,
        hosts: frozenset[str],
        origins: tuple[str, ...],
        throttles: Mapping[str, Throttle],
        write: Callable[[Entry], None] = lambda _: None,
    ) -> None:
        self._routes = Routes(table)
        self._authorizer, self._invoke = authorizer, invoke
        self._hosts, self._origins, self._throttles, self._write = hosts, origins, throttles, write

    def trusts(self, request: Request) -> bool:
        """Whether a request names this host and, where it comes from a web page, from a page of ours."""
        origin = request.headers.get("origin")
        return request.headers.get("host", "") in self._hosts and (origin is None or origin in self._origins[:2])

    async def __call__(self, request: Request) -> Response:
        request_id, at, started = uuid7(), time.time(), time.perf_counter()
        path, resource, own = raw_path(request), "-", ""
        try:
            match = self._admit(request, path)
            if isinstance(match, Response):
                response = self._with_cors(request, match)
            else:
                resource = match.route.path
                response = await self._forward(request, match, request_id)
        except PhivaultError as error:
            response, own = self._with_cors(request, refusal(error, path, request_id)), answered(error)
        except Exception as error:  # whatever it is, the caller gets an id that the log has
            log.error("gateway failed", exc_info=error, extra={"request_id": request_id})
            response, own = self._with_cors(request, refusal(PhivaultError(), path, request_id)), "DEFAULT_5XX"
        entry = Entry(
            request_id=request_id,
            at=at,
            method=request.method if request.method in METHODS else "-",  # any word can stand there
            route=resource,
            status=response.status_code,
            milliseconds=round((time.perf_counter() - started) * 1000),
            octets=len(response.body),
            answered=own,
        )
        access.info("request", extra=_logged(entry))
        self._write(entry)
        return response

    def _admit(self, request: Request, path: str) -> Match | Response:
        if request.headers.get("host", "") not in self._hosts:
            raise InvalidInput("The Host header isn't this gateway's")
        if request.method == "OPTIONS" and request.headers.get("access-control-request-method"):
            return Response(status_code=204)
        found = self._routes.find(request.method, path)
        if isinstance(found, tuple):
            raise MethodNotAllowed("Allowed: " + ", ".join(found)) if found else NotFound("There is no such path")
        self._throttle(request, found)
        return found

    def _throttle(self, request: Request, match: Match) -> None:
        source = request.client.host if request.client else ""
        for name in (match.function.name, "*"):
            if name in self._throttles and (wait := self._throttles[name].wait(source)):
                raise TooManyRequests("Too many requests from this source", retry_after=wait)

    async def _forward(self, request: Request, match: Match, request_id: str) -> Response:
        claims = None if match.route.public else self._authorizer.verify(request.headers.getlist("authorization"))
        event = proxy_event(request, await _payload(request), match, claims, request_id)
        try:
            answer = await run_in_threadpool(self._invoke, match.function, event, request_id)
        except WorkerDied as died:
            log.error("function failed: %s", died, extra={"request_id": request_id})
            raise PhivaultError from None
        return _response(answer, decoded=wants_raw(request.headers.get("accept")))

    def _with_cors(self, request: Request, response: Response) -> Response:
        origin = request.headers.get("origin", "")
        if origin in self._origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = "GET,POST,PUT,PATCH,DELETE,OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = (
                f"Authorization,Content-Type,{web.PURPOSE_HEADER},{web.PROJECT_HEADER},If-Match,If-None-Exist,"
                f"Idempotency-Key,Prefer,"
                f"{web.CONTEXT_HEADER}"
            )
            response.headers["Access-Control-Expose-Headers"] = ",".join(web.EXPOSED)
            response.headers["Access-Control-Max-Age"] = "600"
        response.headers.update(web.HEADERS)
        return response


def _logged(entry: Entry) -> dict[str, str | int]:
    return {
        "request_id": entry.request_id,
        "method": entry.method,
        "resource": entry.route,
        "status": entry.status,
        "milliseconds": entry.milliseconds,
    }


async def _payload(request: Request) -> bytes:
    received = bytearray()
    try:
        async for chunk in request.stream():
            received += chunk
            if len(received) > MAX_PAYLOAD:
                raise ContentTooLarge(f"The body may have {MAX_PAYLOAD} bytes")
    except ClientDisconnect:
        raise InvalidInput("The body ended early") from None
    return bytes(received)


def refusal(error: PhivaultError, path: str, request_id: str) -> Response:
    """An error of the gateway itself, in the form that the path's function uses."""
    write = outcome if path.startswith("/v1/fhir") else web.problem
    media, text = write(error, request_id)
    response = Response(text, error.status, media_type=media, headers={"X-Request-Id": request_id})
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = error.detail.removeprefix("Allowed: ")
    return response


def _response(answer: dict[str, Any], *, decoded: bool) -> Response:
    """``decoded`` says that the caller accepts first what API Gateway was told to be binary: it decodes for nobody
    else."""
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") and decoded else body
    response = Response(content if isinstance(content, (str, bytes)) else json.dumps(content), answer["statusCode"])
    for name, values in {**answer.get("headers", {}), **answer.get("multiValueHeaders", {})}.items():
        for value in values if isinstance(values, list) else [values]:
            response.headers.append(name, str(value))
    return response
