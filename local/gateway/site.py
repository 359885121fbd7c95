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

from local.demo.steps import STEPS
from local.demo.steps import play as play_step
from local.gateway.app import Gateway

if TYPE_CHECKING:
    from local.stack import Stack

type Endpoint = Callable[[Request], Awaitable[Response]]


def site(gateway: Gateway, stack: Stack) -> Starlette:
    """Everything under ``/_local`` refuses foreign Host headers and foreign pages."""

    async def outbox(request: Request) -> Response:
        return JSONResponse(
            stack.outbox.messages(request.query_params.get("to")), headers={"Cache-Control": "no-store"}
        )

    async def sns(request: Request) -> Response:
        notice = json.loads(await request.body())
        if notice.get("Type") == "Notification":
            stack.outbox.send("security-alerts", "alert", notice.get("Subject") or "alert", notice["Message"])
        return Response(status_code=200)

    async def steps(_: Request) -> Response:
        return JSONResponse([title for title, _ in STEPS])

    async def play(request: Request) -> Response:
        number = int(request.path_params["number"])
        if stack.lab is None or not 1 <= number <= len(STEPS):
            return Response("There is no such step, or the stack is still seeding", 404)
        lines = (json.dumps(exchange.document()) + "\n" for exchange in play_step(stack.lab, number))
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def home(_: Request) -> Response:
        return RedirectResponse("/test-security")

    def own(endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            if not gateway.trusts(request):
                return Response("This belongs to the local stack", 403)
            return await endpoint(request)

        return guarded

    return Starlette(
        routes=[
            Route("/", own(home)),
            Route("/_local/outbox", own(outbox)),
            Route("/_local/demo", own(steps)),
            Route("/_local/demo/{number:int}", own(play), methods=["POST"]),
            Route(stack.sns_path, own(sns), methods=["POST"]),
            Route("/{path:path}", Forward(gateway)),
        ]
    )


class Forward:
    """An ASGI endpoint of every method: Starlette would answer some itself if this were a function."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._gateway(Request(scope, receive))
        await response(scope, receive, send)
