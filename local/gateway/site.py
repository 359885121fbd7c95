"""What this machine serves: the gateway, and under ``/_local`` what only a local stack has."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from local.demo.steps import STEPS, play
from local.gateway.app import Gateway

if TYPE_CHECKING:
    from local.stack import Stack

type Endpoint = Callable[[Request], Awaitable[Response]]


def site(gateway: Gateway, stack: Stack) -> Starlette:
    """Everything outside the gateway refuses foreign Host headers and foreign pages."""
    own = Own(stack)

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def guard(request: Request) -> Response:
            if not gateway.trusts(request):
                return Response("This belongs to the local stack", 403)
            return await endpoint(request)

        return guard

    app = Starlette(
        routes=[
            Route("/", guarded(own.home)),
            Route("/_local/outbox", guarded(own.outbox)),
            Route("/_local/demo", guarded(own.steps)),
            Route("/_local/demo/{number:int}", guarded(own.play), methods=["POST"]),
            Route(stack.sns_path, guarded(own.sns), methods=["POST"]),
        ]
    )
    # Not as a route of every path: there are request targets that no pattern matches, and near misses to redirect.
    app.router.default, app.router.redirect_slashes = Forward(gateway), False
    return app


class Own:
    """The endpoints of the local stack itself."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def home(self, _: Request) -> Response:
        return RedirectResponse("/test-security")

    async def outbox(self, request: Request) -> Response:
        messages = self._stack.outbox.messages(request.query_params.get("to"))
        return JSONResponse(messages, headers={"Cache-Control": "no-store"})

    async def sns(self, request: Request) -> Response:
        notice = json.loads(await request.body())
        if notice.get("Type") == "Notification":
            subject = notice.get("Subject") or "alert"
            self._stack.outbox.send("security-alerts", "alert", subject, notice["Message"])
        return Response(status_code=200)

    async def steps(self, _: Request) -> Response:
        return JSONResponse([title for title, _ in STEPS])

    async def play(self, request: Request) -> Response:
        number, lab = int(request.path_params["number"]), self._stack.lab
        if lab is None or not 1 <= number <= len(STEPS):
            return Response("There is no such step, or the stack is still seeding", 404)
        lines = (json.dumps(exchange.document()) + "\n" for exchange in play(lab, number))
        return StreamingResponse(lines, media_type="application/x-ndjson")


class Forward:
    """An ASGI endpoint of every method: Starlette would answer some itself if this were a function."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._gateway(Request(scope, receive))
        await response(scope, receive, send)
