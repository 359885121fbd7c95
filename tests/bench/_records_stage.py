"""The records function in this process, as Lambda runs it: real PostgreSQL and, in a process of their own, the local
endpoints of AWS. What is called is ``functions.records.handler.handler``, with events as API Gateway hands them over.
"""

from __future__ import annotations

import importlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

from local.aws import LocalAws
from local.aws_resources import create_resources
from local.postgres import Postgres
from local.worker import Context
from phivault import bootstrap, settings
from phivault.adapters import aws
from phivault.adapters.tenant_context_key import wrap
from phivault.identity.claims import SCOPE, Claims, TokenRules, parse
from phivault.identity.source import Source
from phivault.ids import uuid7
from tests.support.postgres import CONTEXT_KEY, prepare

TENANT, USER, CLIENT = "north", "0b0f8f1e-0000-4000-8000-0123456789ab", "bench"
ISSUER, HOUR = "https://issuer.bench", 3600
PLACE = ("192.0.2.1", "phivault bench")
JSON = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class Stage:
    """A clinician who is signed in, and the function that answers them."""

    handler: Callable[[dict[str, Any], Any], dict[str, Any]]
    server: Postgres
    claims: dict[str, str]

    def event(
        self, method: str, resource: str, *, body: str | None = None, media: str = JSON, query: Any = None, **path: str
    ) -> dict[str, Any]:
        """``resource`` is the route as the function table has it; ``path`` has the values of its parameters."""
        address, given = resource.format(**path), dict(query or {})
        headers = {"User-Agent": PLACE[1], "X-Forwarded-Proto": "https", "Content-Type": media}
        return {
            "resource": resource,
            "path": address,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": given or None,
            "multiValueQueryStringParameters": {name: [value] for name, value in given.items()} or None,
            "pathParameters": path or None,
            "stageVariables": None,
            "requestContext": {
                "requestId": uuid7(),
                "resourcePath": resource,
                "path": address,
                "httpMethod": method,
                "stage": "bench",
                "domainName": "api.bench",
                "identity": {"sourceIp": PLACE[0], "userAgent": PLACE[1]},
                "authorizer": {"claims": self.claims},
            },
            "body": body,
            "isBase64Encoded": False,
        }

    def ask(self, event: dict[str, Any], status: int = 200) -> Any:
        """The answer's JSON. A bench that measures refusals measures nothing."""
        event["requestContext"]["requestId"] = uuid7()
        answer = self.handler(event, Context("records", event["requestContext"]["requestId"]))
        document = json.loads(answer["body"])
        if answer["statusCode"] != status:
            raise RuntimeError(f"{event['httpMethod']} {event['path']} answered {answer['statusCode']}: {document}")
        return document

    def make(self, resource: Mapping[str, Any]) -> str:
        """The id of the resource, created."""
        kind = str(resource["resourceType"])
        return str(self.ask(self.event("POST", "/v1/fhir/{type}", body=json.dumps(resource), type=kind), 201)["id"])

    def transaction(self, entries: list[Any]) -> dict[str, Any]:
        """The event of a transaction."""
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        return self.event("POST", "/v1/fhir", body=json.dumps(bundle))

    def posted_search(self, kind: str, **parameters: str) -> dict[str, Any]:
        return self.event("POST", "/v1/fhir/{type}/_search", body=urlencode(parameters), media=FORM, type=kind)

    def forget_keys(self) -> None:
        """Know no subject's key, as a new execution environment."""
        _forget()


@contextmanager
def stage() -> Iterator[Stage]:
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="phivault-bench-") as folder:
        endpoints = LocalAws.start()
        try:
            with patch.dict(os.environ, endpoints.environment()), Postgres.start(Path(folder) / "postgres") as server:
                _afresh()
                prepare(server)
                os.environ.update(_settings(server))
                _afresh()
                handler = importlib.import_module("functions.records.handler").handler
                yield Stage(handler, server, _signed_in())
                bootstrap.postgres().close()
        finally:
            endpoints.stop()
            os.environ.clear()
            os.environ.update(before)
            _afresh()


def _settings(server: Postgres) -> dict[str, str]:
    resources = create_resources("bench")
    key_id, key = CONTEXT_KEY
    return resources.environment() | {
        "PHIVAULT_PROFILE": "local",
        "PHIVAULT_POSTGRES_DSN": server.app_dsn,
        "PHIVAULT_TENANT_CONTEXT_KEYS": json.dumps({key_id: wrap(resources.subject_key_arn, key)}),
        "PHIVAULT_TOKEN_ISSUER": ISSUER,
        "PHIVAULT_CLIENT_ID": CLIENT,
        "PHIVAULT_AUDIT_DEADLINE_SECONDS": "30",
    }


def _signed_in() -> dict[str, str]:
    """The claims of a session's access token, as the authorizer hands them on."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "client_id": CLIENT,
        "token_use": "access",
        "scope": SCOPE,
        "exp": str(now + HOUR),
        "auth_time": str(now),
        "sub": USER,
        "origin_jti": uuid7(),
        "jti": uuid7(),
        "tenant_id": TENANT,
        "role": "clinician",
    }
    checked: Claims = parse(claims, TokenRules(ISSUER, CLIENT), now)
    bootstrap.sessions().open(checked, uuid7(), "clinician@bench.example", source(), now * 1000)
    return claims


def source() -> Source:
    return Source(*PLACE, uuid7())


def _afresh() -> None:
    aws.forget_clients()
    settings.settings.cache_clear()
    _forget()


def _forget() -> None:
    """What ``bootstrap`` made is made anew when next asked for."""
    for name in ("common", "log", "people", "permissions", "records", "rotation"):
        for made in vars(importlib.import_module(f"phivault.bootstrap.{name}")).values():
            if hasattr(made, "cache_clear") and made is not settings.settings:
                made.cache_clear()
