"""A gateway over a small table of routes whose functions answer what they were sent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

from functions.row import Function, Route
from local.gateway.app import Gateway
from local.gateway.authorizer import SCOPE, Authorizer
from local.gateway.site import Forward
from local.gateway.throttle import Throttle

ISSUER = "https://issuer.test/pool"
HOST = "gateway.test"
ORIGINS = ("http://gateway.test", "http://front.test")
TABLE = (
    Function("notes", "", (), (Route("GET", "/v1/notes"), Route("POST", "/v1/notes"))),
    Function("records", "", (), (Route("GET", "/v1/fhir/{type}"), Route("POST", "/v1/fhir", max_body=4 << 20))),
    Function("open", "", (), (Route("GET", "/open", public=True), Route("POST", "/open", public=True))),
)


@dataclass
class Pool:
    """A token issuer with one key. ``claims`` are those of a good access token."""

    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "alg": "RS256", "use": "sig"}))

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        given = {"iss": ISSUER, "sub": "user", "token_use": "access", "scope": SCOPE, "exp": now + 900, "iat": now}
        return {name: value for name, value in (given | changed).items() if value is not None}

    def token(self, **changed: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": "k1"}, self.claims(**changed), self.key)


@dataclass
class Asked:
    """What functions were sent. ``answer`` is what they say, or raises."""

    events: list[dict[str, Any]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda _: {"statusCode": 200, "body": json.dumps("done")}

    def __call__(self, function: Function, event: dict[str, Any], request_id: str) -> dict[str, Any]:
        self.events.append(event)
        return self.answer(event)


@dataclass
class Client:
    """Signed in unless it is told otherwise. What the gateway doesn't answer itself is raised."""

    pool: Pool
    asked: Asked
    throttles: dict[str, Throttle]

    def __post_init__(self) -> None:
        self._app = Forward(
            Gateway(
                table=TABLE,
                authorizer=Authorizer(ISSUER, lambda: self.pool.jwks),
                invoke=self.asked,
                hosts=frozenset({HOST}),
                origins=ORIGINS,
                throttles=self.throttles,
            )
        )

    def send(self, method: str, path: str, *headers: tuple[str, str], content: Any = None) -> httpx.Response:
        """``headers`` replace those of the same name that every request has, and may repeat."""
        given = {"authorization": f"Bearer {self.pool.token()}", "host": HOST}
        named = {name.lower() for name, _ in headers}
        sent = [(name, value) for name, value in given.items() if name not in named] + list(headers)

        async def answer() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app)) as client:
                return await client.request(method, f"http://{HOST}{path}", headers=sent, content=content)

        return asyncio.run(answer())
