"""A second gateway with execution environments of its own, over the stores of the running stack: what the tests break
there doesn't break the stack that they share."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from functions.row import Function
from functions.table import TABLE
from local.gateway import app as gateway
from local.gateway.authorizer import Authorizer
from local.gateway.site import Forward
from local.ports import listen, port_of
from local.serve import Server
from local.stack import Jwks
from local.workers import Pool
from phivault.logs import ScrubbingFormatter
from phivault.phi.detect import redact_line
from tests.support.aws_proxy import AwsProxy
from tests.support.stack import RunningStack


class Beside:
    """Every AWS call of its functions passes ``s3`` or ``aws``. ``overrides`` are variables that its functions see
    instead of the stack's."""

    def __init__(self, stack: RunningStack, log: Path, **overrides: str) -> None:
        self.stack, self.log, self._overrides = stack, log, overrides
        self.s3 = AwsProxy(stack.facts["aws_endpoint_url_s3"])
        self.aws = AwsProxy(stack.facts["aws_endpoint_url"])
        self._pools: dict[str, Pool] = {}
        self._ends = ExitStack()
        self._serve()
        self._log_as_the_stack_does()

    def _log_as_the_stack_does(self) -> None:
        handler = logging.FileHandler(self.log)
        handler.setFormatter(ScrubbingFormatter(redact_line, service="gateway", utc=True))
        for logger in (gateway.log, gateway.access):
            logger.addHandler(handler)
            self._ends.callback(logger.removeHandler, handler)
        self._ends.callback(handler.close)

    def _serve(self) -> None:
        listener = listen(0)
        self.port = port_of(listener)
        issuer = self.environment_of("records")["PHIVAULT_TOKEN_ISSUER"]
        front = gateway.Gateway(
            table=TABLE,
            authorizer=Authorizer(issuer, Jwks(issuer)),
            invoke=self._invoke,
            hosts=frozenset({f"127.0.0.1:{self.port}"}),
            origins=("", ""),
            throttles={},
        )
        server = Server(Starlette(routes=[Route("/{path:path}", Forward(front))]), listener).start()
        self._ends.callback(listener.close)
        self._ends.callback(server.stop)

    def environment_of(self, function: str) -> dict[str, str]:
        """What the stack gives to that function, with our endpoints and overrides."""
        endpoints = {"AWS_ENDPOINT_URL": self.aws.url, "AWS_ENDPOINT_URL_S3": self.s3.url}
        return self.stack.environment_of(function) | endpoints | self._overrides

    def _invoke(self, function: Function, event: dict[str, Any], request_id: str) -> dict[str, Any]:
        if function.name not in self._pools:
            pool = Pool(function.name, self.environment_of(function.name), self.log, 1, function.timeout_seconds)
            self._pools[function.name] = pool.wait_ready()
        return self._pools[function.name].call(event, request_id)

    def forget(self, function: str) -> None:
        """The next call meets a new execution environment."""
        if function in self._pools:
            self._pools.pop(function).stop()

    def client(self, headers: Mapping[str, str] | None = None) -> httpx.Client:
        client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/v1", timeout=30, headers=headers)
        return self._ends.enter_context(client)

    def api(self, role: str, tenant: str | None = None) -> httpx.Client:
        """A client with the tokens that the stack gives; paths are relative to ``/v1``."""
        client = self.client()
        client.auth = self.stack.bearer(role, tenant)
        return client

    def close(self) -> None:
        self._ends.close()
        for name in list(self._pools):
            self.forget(name)
        self.s3.close()
        self.aws.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
