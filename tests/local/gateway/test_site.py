"""What only a local stack has is for this machine's own pages: DNS rebinding and foreign pages are refused."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from local.gateway.app import Gateway
from local.gateway.authorizer import Authorizer
from local.gateway.site import site
from local.outbox import Outbox
from tests.local.gateway.harness import HOST, ISSUER, TABLE, Asked, Pool

OWN, FRONT, FOREIGN = f"http://{HOST}", "http://front.test", "http://evil.test"
PATHS = [("GET", "/"), ("GET", "/_local/outbox"), ("GET", "/_local/demo"), ("POST", "/_local/demo/1"), ("POST", "/sns")]


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def app(pool: Pool, asked: Asked, outbox: Outbox) -> Any:
    gateway = Gateway(
        table=TABLE,
        authorizer=Authorizer(ISSUER, lambda: pool.jwks),
        invoke=asked,
        hosts=frozenset({HOST}),
        origins=(OWN, f"http://localhost.{HOST}", FRONT),
        throttles={},
    )
    stack: Any = SimpleNamespace(sns_path="/sns", outbox=outbox, lab=None)
    return site(gateway, stack)


def _send(app: Any, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.request(method, OWN + path, headers=headers, content=body)

    return asyncio.run(answer())


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_foreign_pages_and_names_get_nothing(app: Any, outbox: Outbox, method: str, path: str) -> None:
    outbox.send("+1", "sms", "sign-in", "123456")
    for headers in ({"Origin": FOREIGN}, {"Origin": "null"}, {"Origin": FRONT}, {"Host": "evil.test"}, {"Host": ""}):
        answer = _send(app, method, path, b"{}", **headers)
        assert answer.status_code == 403
        assert "123456" not in answer.text


def test_this_machine_reads_the_outbox(app: Any, outbox: Outbox) -> None:
    outbox.send("+1", "sms", "sign-in", "123456")
    outbox.send("+2", "sms", "sign-in", "654321")
    for headers in ({}, {"Origin": OWN}):
        answer = _send(app, "GET", "/_local/outbox?to=%2B2", **headers)
        assert [message["code"] for message in answer.json()] == ["654321"]
        assert answer.headers["cache-control"] == "no-store"


def test_notices_of_the_alert_topic_reach_the_outbox(app: Any, outbox: Outbox) -> None:
    notice = b'{"Type": "Notification", "Subject": "HIGH x", "Message": "text"}'
    assert _send(app, "POST", "/sns", notice).status_code == 200
    assert [(message["channel"], message["code"]) for message in outbox.messages()] == [("alert", "text")]


@pytest.mark.parametrize(
    "path",
    ["/_local/outbox/", "/_local/demo/", "/_local/demo/x", "/v1/fhir/a%0Ab/c/d", "/a%0Ab", "//_local"],
)
def test_near_misses_are_the_gateways_to_refuse(app: Any, path: str) -> None:
    answer = _send(app, "GET", path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] in ("application/problem+json", "application/fhir+json")
    assert answer.headers["x-request-id"]


def test_everything_else_is_the_gateways(app: Any, asked: Asked) -> None:
    assert _send(app, "GET", "/open").status_code == 200
    assert _send(app, "GET", "/v1/notes").status_code == 401
    assert len(asked.events) == 1
