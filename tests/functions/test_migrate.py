"""The custom resource: what CloudFormation asks, and what it hears."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from functions.migrate.handler import handler
from local.aws_resources import Resources
from local.postgres import Postgres
from local.worker import Context
from phivault import bootstrap, settings
from phivault.adapters import cloudformation
from phivault.adapters.postgres import PostgresStore
from phivault.adapters.tenant_context_key import TenantContextKey
from phivault.audit.event import Action
from phivault.audit.query import search
from phivault.audit.recorder import Recorder
from phivault.audit.system import NO_TENANT
from phivault.errors import Conflict
from phivault.ids import uuid7
from tests.support.audit import MemoryEvents, MemoryIndex


class CloudFormation(HTTPServer):
    """The presigned URL: it keeps what is PUT there."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Listener)

    def event(self, kind: str, *key_ids: str) -> dict[str, Any]:
        return {
            "RequestType": kind,
            "ResponseURL": f"http://127.0.0.1:{self.server_port}/",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Database",
            "ResourceProperties": {"ContextKeyIds": list(key_ids), "Release": "0123456789abcdef"},
        }


class _Listener(BaseHTTPRequestHandler):
    server: CloudFormation

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(json.loads(body) | {"content_type": self.headers["Content-Type"]})
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cloud() -> Iterator[CloudFormation]:
    with CloudFormation() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres.start(tmp_path_factory.mktemp("postgres")) as started:
        yield started


@pytest.fixture
def environment(aws: Resources, server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PHIVAULT_PROFILE", "local")
    monkeypatch.setenv("PHIVAULT_POSTGRES_DSN", server.owner_dsn)
    kept = (settings.settings, bootstrap.recorder, bootstrap.audit_index)
    for made in kept:
        made.cache_clear()
    yield
    for made in kept:
        made.cache_clear()


@pytest.fixture
def context() -> Context:
    return Context("migrate", uuid7())


def recorded(context: Context) -> list[tuple[str, str]]:
    """Error and risk of the releases that this invocation recorded."""
    found = search(bootstrap.audit_index(), NO_TENANT, limit=100).found
    events = [each.entry.event for each in reversed(found)]
    mine = [event for event in events if event.request_id == context.aws_request_id]
    assert {event.action for event in mine} <= {Action.SYSTEM_MIGRATE}
    return [(event.error, event.risk) for event in mine]


def test_a_release_migrates_and_hands_out_wrapped_keys(
    environment: None, server: Postgres, cloud: CloudFormation, context: Context
) -> None:
    handler(cloud.event("Create", "k1"), context)
    handler(cloud.event("Update", "k1", "k2"), context)
    first, second = cloud.heard
    assert first["Status"] == second["Status"] == "SUCCESS"
    assert first["PhysicalResourceId"] == second["PhysicalResourceId"]  # else CloudFormation would delete the first
    assert {name: first[name] for name in ("StackId", "RequestId", "LogicalResourceId")} == {
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Database",
    }
    wrapped = json.loads(second["Data"]["ContextKeys"])
    assert list(wrapped) == ["k1", "k2"]
    assert all(len(base64.b64decode(text)) > 32 for text in wrapped.values())
    store = PostgresStore(server.app_dsn, TenantContextKey(wrapped))  # what a function does with them
    assert store.read("tenant", "Patient", "absent") is None
    store.close()
    assert recorded(context) == [("", "MEDIUM")] * 2


def test_a_deletion_changes_nothing(
    environment: None, server: Postgres, cloud: CloudFormation, context: Context
) -> None:
    handler(cloud.event("Create", "k1", "k2"), context)
    handler(cloud.event("Delete"), context)
    assert cloud.heard[1]["Status"] == "SUCCESS"
    assert cloud.heard[1]["Data"] == {}
    handler(cloud.event("Update", "k1", "k2"), context)
    assert cloud.heard[2]["Status"] == "SUCCESS"


def test_a_failure_is_told_with_its_rule(environment: None, cloud: CloudFormation, context: Context) -> None:
    handler(cloud.event("Update", "k7"), context)
    assert cloud.heard[0]["Status"] == "FAILED"
    assert "beside the living one" in cloud.heard[0]["Reason"]
    assert recorded(context) == [("", "MEDIUM"), ("conflict", "HIGH")]


def test_a_failure_is_told_without_a_value(
    environment: None, cloud: CloudFormation, monkeypatch: pytest.MonkeyPatch, context: Context
) -> None:
    def fail(*_: object) -> dict[str, str]:
        raise ValueError("password=hunter2")

    monkeypatch.setattr(bootstrap, "prepare_database", fail)
    handler(cloud.event("Create", "k1"), context)
    assert cloud.heard[0]["Status"] == "FAILED"
    assert "hunter2" not in json.dumps(cloud.heard)
    assert recorded(context) == [("", "MEDIUM"), ("internal", "HIGH")]


def test_nothing_is_changed_that_cannot_be_recorded(
    environment: None,
    cloud: CloudFormation,
    monkeypatch: pytest.MonkeyPatch,
    context: Context,
) -> None:
    def unreached(*_: object) -> dict[str, str]:
        raise AssertionError("the database was changed")

    recorder = Recorder(MemoryEvents("before"), MemoryIndex(), deadline_seconds=1)
    monkeypatch.setattr(bootstrap, "recorder", lambda: recorder)
    monkeypatch.setattr(bootstrap, "prepare_database", unreached)
    handler(cloud.event("Create", "k1"), context)
    assert cloud.heard[0]["Reason"] == "The audit log is unavailable"


def test_the_answer_leaves_encrypted_alone(cloud: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(ValueError, match="https alone"):
        cloudformation.answer(cloud.event("Delete"), "id", dict)
    assert cloud.heard == []


def test_our_errors_keep_their_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cloudformation._reason(Conflict("a rule")) == "a rule"
