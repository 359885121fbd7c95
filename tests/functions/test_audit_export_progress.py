"""What the API says of an export at each of its steps, and of an order; in this process, over exports in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phivault import bootstrap
from phivault.access.roles import Role
from phivault.audit.export.job import Asker, Job, Progress, Step, requested
from phivault.errors import NotFound
from tests.support.audit_function import AuditFunction, audit
from tests.support.people import principal

__all__ = ["audit"]

EXPORTS = "/v1/audit/exports"
ID = "0b0f8f1e-1111-4111-8111-0123456789ab"
JOB = Job(id=ID, tenant="north", since=7, asker=Asker(user_id="user-9", role="auditor"))
UNDER_WAY = {"id", "tenant", "status", "requested", "finished"}


class MemoryExports:
    """Fills ``Jobs``, for one tenant."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
        self.steps: dict[str, dict[Step, tuple[datetime, Mapping[str, Any]]]] = {}

    def write(self, tenant: str, id: str, step: Step, said: Mapping[str, Any]) -> None:
        assert tenant == "north"
        of = self.steps.setdefault(id, {})
        of[step] = (self.at + timedelta(seconds=len(of)), said)

    def read(self, tenant: str, id: str) -> Progress:
        if tenant != "north" or id not in self.steps:
            raise NotFound("There is no such export")
        of = self.steps[id]
        return Progress(id, {step: at for step, (at, _) in of.items()}, of[list(of)[-1]][1])

    def newest(self, tenant: str, limit: int) -> Sequence[Progress]:
        return [replace(self.read(tenant, id), said={}) for id in self.steps][:limit]


@pytest.fixture
def exports(audit: AuditFunction, monkeypatch: pytest.MonkeyPatch) -> MemoryExports:
    exports = MemoryExports()
    monkeypatch.setattr(bootstrap, "exports", lambda: exports)
    audit.caller = principal(Role.AUDITOR, tenant="north", auth_time=int(time.time()))
    return exports


def shown(audit: AuditFunction) -> Any:
    answer = audit.get(EXPORTS + "/{id}", id=ID)
    assert answer.status == 200, answer.body
    return answer.json


def test_before_it_ends_only_what_was_asked_for_is_shown(audit: AuditFunction, exports: MemoryExports) -> None:
    exports.write("north", ID, Step.REQUESTED, requested(JOB))
    asked = f"{exports.at:%Y-%m-%dT%H:%M:%SZ}"
    common = {"id": ID, "tenant": "north", "since": 7, "requested": asked, "finished": None}
    assert shown(audit) == common | {"status": "queued"}
    exports.write("north", ID, Step.STARTED, {"run": "0011223344556677", "since": 7})
    assert shown(audit) == common | {"status": "running"}
    (listed,) = audit.get(EXPORTS).json["exports"]
    assert listed.keys() == UNDER_WAY


def test_a_failure_says_when_and_why(audit: AuditFunction, exports: MemoryExports) -> None:
    exports.write("north", ID, Step.REQUESTED, requested(JOB))
    exports.write("north", ID, Step.FAILED, {"error": "unavailable", "detail": "S3 did not answer", "inner": "x"})
    found = shown(audit)
    assert found.keys() == UNDER_WAY | {"error", "detail"}
    assert (found["status"], found["finished"]) == ("failed", f"{exports.at + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}")
    (listed,) = audit.get(EXPORTS).json["exports"]
    assert (listed["status"], listed["finished"]) == ("failed", found["finished"])


@pytest.mark.parametrize(("body", "since"), [(None, 0), ("", 0), ("{}", 0), ('{"since": 5}', 5)])
def test_an_order_says_where_it_is_watched(
    audit: AuditFunction,
    exports: MemoryExports,
    monkeypatch: pytest.MonkeyPatch,
    body: str | None,
    since: int,
) -> None:
    from functions.audit import export_order  # its resolver needs the settings that the fixture makes

    handed: list[Any] = []
    monkeypatch.setattr(export_order, "invoke_later", lambda _, payload: handed.append(payload))
    answer = audit.post(EXPORTS, body)
    assert answer.status == 202, answer.body
    id = json.loads(answer.body)["id"]
    assert answer.headers["Location"] == f"https://api.example/v1/audit/exports/{id}"
    assert [each["job"]["since"] for each in handed] == [since]
    assert exports.read("north", id).status(exports.at) == "queued"
