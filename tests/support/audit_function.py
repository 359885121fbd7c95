"""The function ``audit`` in this process, over a log and an index in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from phivault import bootstrap
from phivault.access.decide import Decider
from phivault.access.principal import Principal
from phivault.access.roles import Role
from phivault.audit.canonical import EventLine, parse
from phivault.audit.recorder import Recorder
from phivault.ids import uuid7
from phivault.settings import settings
from tests.support.audit import MemoryEvents, MemoryIndex
from tests.support.event_rows import MemoryRows
from tests.support.memory_log import WITNESS, MemoryLog
from tests.support.people import principal


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class AuditFunction:
    """``caller`` asks; ``recorded`` are the events that were locked since."""

    rows: MemoryRows = field(default_factory=MemoryRows)
    log: MemoryLog = field(default_factory=MemoryLog)
    store: MemoryEvents = field(default_factory=MemoryEvents)
    caller: Principal = field(default_factory=lambda: principal(Role.AUDITOR, tenant="north"))

    def get(self, resource: str, query: Sequence[tuple[str, str]] = (), **path: str) -> Answer:
        return self._ask("GET", resource, query, None, path)

    def post(self, resource: str, body: str | None = None) -> Answer:
        return self._ask("POST", resource, (), body, {})

    def _ask(
        self, method: str, resource: str, query: Sequence[tuple[str, str]], body: str | None, path: Mapping[str, str]
    ) -> Answer:
        from functions.audit.handler import handler

        request_id, place = uuid7(), resource.format(**path)
        many: dict[str, list[str]] = {}
        for name, value in query:
            many.setdefault(name, []).append(value)
        sent = {"User-Agent": "tests"} | ({} if body is None else {"Content-Type": "application/json"})
        event = {
            "httpMethod": method,
            "path": place,
            "resource": resource,
            "pathParameters": dict(path),
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {name: values[-1] for name, values in many.items()} or None,
            "multiValueQueryStringParameters": many or None,
            "requestContext": {
                "requestId": request_id,
                "identity": {"sourceIp": "192.0.2.1"},
                "domainName": "api.example",
                "path": place,
            },
            "body": body,
            "isBase64Encoded": False,
        }
        given = handler(event, None)
        headers = {name: values[0] for name, values in given["multiValueHeaders"].items()}
        return Answer(given["statusCode"], given["body"], headers)

    def recorded(self) -> list[dict[str, Any]]:
        lines = [line for body in self.store.objects.values() for line in body.splitlines()]
        return [json.loads(line) for line in lines if isinstance(parse(line), EventLine)]


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditFunction]:
    function = AuditFunction()
    monkeypatch.setenv("PHIVAULT_PROFILE", "local")
    monkeypatch.setenv("PHIVAULT_WITNESS_NAME", WITNESS)
    settings.cache_clear()
    recorder = Recorder(function.store, MemoryIndex(), deadline_seconds=1)
    parts: dict[str, Any] = {
        "recorder": recorder,
        "decider": Decider(),
        "audit_index": function.rows,
        "log_reader": function.log,
        "sessions": _Sessions(function),
    }
    for name, part in parts.items():
        monkeypatch.setattr(bootstrap, name, lambda part=part: part)
    yield function
    settings.cache_clear()


class _Sessions:
    """Sessions that know one caller."""

    def __init__(self, function: AuditFunction) -> None:
        self._function = function

    def authenticate(self, *_: object) -> Principal:
        return self._function.caller
