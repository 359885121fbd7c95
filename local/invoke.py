"""Lambda's Invoke on this machine: ``POST /2015-03-31/functions/{name}/invocations``, so that functions and operators
call functions through the SDK as in the cloud.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Collection
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.cognito.errors import CognitoError
from local.cognito.signatures import Signatures
from local.workers import WorkerDied

PATH = "/2015-03-31/functions/{name}/invocations"
MAXIMUM = {"RequestResponse": 6 << 20, "Event": 1 << 20, "DryRun": 6 << 20}
"""Bytes of a payload, by invocation type."""
AGAIN_SECONDS = (60.0, 120.0)
THREADS = 32
type Call = Callable[[str, Any], Any]
"""The handler's answer to an event, by the function's name. Raises WorkerDied."""
_log = logging.getLogger(__name__)


class Refused(Exception):
    """``code`` is an exception of the Lambda service model."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Later:
    """Events that nobody waits for: a function that fails gets its event twice more, as Lambda's default is."""

    def __init__(self, call: Call, again_seconds: Collection[float] = AGAIN_SECONDS) -> None:
        self._call, self._again = call, tuple(again_seconds)
        self._stopped = threading.Event()

    def put(self, name: str, event: Any) -> None:
        """Returns at once. What hasn't begun when the stack stops is dropped."""
        threading.Thread(target=self._run, args=(name, event), name=f"event-{name}", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self, name: str, event: Any) -> None:
        for pause in (0.0, *self._again):
            if self._stopped.wait(pause):
                return
            try:
                self._call(name, event)
            except WorkerDied as error:
                if not self._stopped.is_set():
                    _log.warning("an event of %s failed: %s", name, error)
            else:
                return


def create(names: Collection[str], call: Call, later: Later, signatures: Signatures) -> Starlette:
    """An ASGI application that invokes the functions ``names`` for requests that ``signatures`` accept. Listen on a
    loopback address."""
    return Starlette(routes=[Route(PATH, _Endpoint(names, call, later, signatures).post, methods=["POST"])])


class _Endpoint:
    def __init__(self, names: Collection[str], call: Call, later: Later, signatures: Signatures) -> None:
        self._names, self._call, self._later, self._signatures = frozenset(names), call, later, signatures
        self._limiter = CapacityLimiter(THREADS)

    async def post(self, request: Request) -> Response:
        try:
            return await self._handle(request)
        except Refused as refused:
            return _refusal(refused.status, refused.code)
        except CognitoError as unsigned:  # the signature's own refusals
            return _refusal(403, unsigned.code)

    async def _handle(self, request: Request) -> Response:
        kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
        if kind not in MAXIMUM:
            raise Refused(400, "InvalidParameterValueException")
        body = await _read(request, MAXIMUM[kind])
        headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in request.headers.raw]
        self._signatures.verify(_target(request), headers, body)
        name, event = request.path_params["name"], _event(body)
        if name not in self._names:
            raise Refused(404, "ResourceNotFoundException")
        if kind == "DryRun":
            return Response(status_code=204)
        if kind == "Event":
            self._later.put(name, event)
            return Response(status_code=202)
        return await to_thread.run_sync(self._answer, name, event, limiter=self._limiter)

    def _answer(self, name: str, event: Any) -> Response:
        try:
            body = json.dumps(self._call(name, event)).encode()
        except WorkerDied as error:
            return _failed(str(error))
        if len(body) > MAXIMUM["RequestResponse"]:
            return _failed("Function.ResponseSizeTooLarge")
        return Response(body, media_type="application/json", headers={"X-Amz-Executed-Version": "$LATEST"})


async def _read(request: Request, maximum: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > maximum:
            raise Refused(413, "RequestTooLargeException")
    return bytes(body)


def _event(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Refused(400, "InvalidRequestContentException") from None


def _target(request: Request) -> str:
    """The path as it was sent, since that is what was signed."""
    path, query = request.scope["raw_path"].decode("ascii"), request.url.query
    return f"{path}?{query}" if query else path


def _failed(kind: str) -> Response:
    # Lambda would answer the error's text too; here no value of a handler leaves it.
    content = {"errorType": kind, "errorMessage": ""}
    return JSONResponse(content, headers={"X-Amz-Function-Error": "Unhandled", "X-Amz-Executed-Version": "$LATEST"})


def _refusal(status: int, code: str) -> Response:
    return JSONResponse({"Type": "User", "Message": code}, status, {"x-amzn-ErrorType": code})
