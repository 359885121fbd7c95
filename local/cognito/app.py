"""The endpoint: AWS JSON 1.1 on ``POST /``, and the pool's OpenID documents. Listen on a loopback address."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.cognito import shapes
from local.cognito.errors import CognitoError
from local.cognito.operations.table import OPERATIONS, Operation
from local.cognito.pool import Pool
from local.cognito.service import Answer, Service
from local.cognito.signatures import Signatures
from local.cognito.triggers import Trigger
from local.outbox import Outbox

TARGET = "AWSCognitoIdentityProviderService."
CONTENT_TYPE = "application/x-amz-json-1.1"
MAXIMUM_BODY = 128 * 1024
THREADS = 16
_log = logging.getLogger(__name__)


def create(
    pool: Pool,
    outbox: Outbox,
    trigger: Trigger,
    access_key_id: str,
    secret_access_key: str,
    now: Callable[[], float] = time.time,
) -> Starlette:
    """An ASGI application with one empty pool.

    ``trigger(name, event)`` runs the function of a trigger, by its name in a pool's LambdaConfig, and returns its
    event; it is called in a worker thread and may call this service. ``outbox`` receives SMS codes, invitations and
    codes for forgotten passwords. Signed operations
    accept the one access key. ``now`` drives expiry and lockout, but not the age of signatures.
    """
    service = Service(pool, outbox, trigger, now)
    endpoint = _Endpoint(service, Signatures(access_key_id, secret_access_key, pool.region))
    discovery = {
        "issuer": pool.issuer,
        "jwks_uri": f"{pool.issuer}/.well-known/jwks.json",
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
        "response_types_supported": ["code", "token"],
        "scopes_supported": ["openid", "email", "phone", "profile"],
    }

    def document(content: dict[str, Any]) -> Callable[[Request], Response]:
        return lambda _: JSONResponse(content, headers={"Cache-Control": "public, max-age=300"})

    return Starlette(
        routes=[
            Route("/", endpoint.post, methods=["POST"]),
            Route(f"/{pool.id}/.well-known/jwks.json", document(service.tokens.jwks())),
            Route(f"/{pool.id}/.well-known/openid-configuration", document(discovery)),
        ]
    )


class _Endpoint:
    def __init__(self, service: Service, signatures: Signatures) -> None:
        self._service, self._signatures = service, signatures
        # Apart, so that operations which wait for a trigger can't use up the threads that the trigger's own calls need.
        self._limiters = {True: CapacityLimiter(THREADS), False: CapacityLimiter(THREADS)}

    async def post(self, request: Request) -> Response:
        name = request.headers.get("x-amz-target", "").removeprefix(TARGET)
        try:
            answer = await self._handle(name, request)
        except CognitoError as error:
            return _error(error)
        except Exception as error:  # noqa: BLE001  # the caller gets no detail, the log no value
            _log.error("%s failed: %s", name if name in OPERATIONS else "operation", type(error).__name__)
            return _error(CognitoError("InternalErrorException", "Something went wrong", 500))
        return JSONResponse(answer, media_type=CONTENT_TYPE)

    async def _handle(self, name: str, request: Request) -> Answer:
        operation = OPERATIONS.get(name)
        if operation is None or not request.headers.get("x-amz-target", "").startswith(TARGET):
            raise CognitoError("UnknownOperationException", "Not an operation of the local Cognito.")
        # No browser sends this content type across origins without asking first.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
            raise CognitoError("SerializationException", f"The content type must be {CONTENT_TYPE}.")
        body = await _read(request)
        if operation.signed:
            headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in request.headers.raw]
            self._signatures.verify(_target(request), headers, body)
        params = shapes.parse(name, body)
        limiter = self._limiters[operation.asks]
        return await to_thread.run_sync(_run, self._service, operation, params, limiter=limiter)


def _run(service: Service, operation: Operation, params: dict[str, Any]) -> Answer:
    if operation.asks:
        return operation.run(service, params)
    with service.lock:
        return operation.run(service, params)


async def _read(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAXIMUM_BODY:
            raise CognitoError("RequestEntityTooLargeException", "The body is too large.", 413)
    return body


def _target(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _error(error: CognitoError) -> Response:
    content = {"__type": error.code, "message": error.message}
    headers = {"x-amzn-ErrorType": f"{error.code}:"}
    return JSONResponse(content, error.status, headers, media_type=CONTENT_TYPE)
