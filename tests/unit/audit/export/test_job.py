"""A job: recorded, begun once, and either done or failed, whatever breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from phivault.audit.event import Action, AuditEvent
from phivault.audit.export.job import QUEUED_FOR, RUNS_FOR, Asker, Exporter, Job, Progress, Step, requested
from phivault.audit.export.layout import MANIFEST
from phivault.audit.export.segments import decompress
from phivault.errors import AccessDenied, Conflict, Gone, IntegrityError, InvalidInput, NotFound, Unavailable
from tests.support.audit import an_event
from tests.support.exported import ID, WITNESSED, MemorySink, World

JOB = Job(id=ID, tenant="north", asker=Asker("user-9", "auditor", "session-9", "request-9"))


class MemoryJobs:
    def __init__(self) -> None:
        self.steps: dict[tuple[str, str], dict[Step, Mapping[str, Any]]] = {}

    def write(self, tenant: str, id: str, step: Step, said: Mapping[str, Any]) -> None:
        steps = self.steps.setdefault((tenant, id), {})
        if step in steps:
            raise Conflict
        steps[step] = said

    def read(self, tenant: str, id: str) -> Progress:
        if (tenant, id) not in self.steps:
            raise NotFound
        steps = self.steps[tenant, id]
        return Progress(id, dict.fromkeys(steps, WITNESSED), list(steps.values())[-1])

    def said(self, tenant: str, id: str, step: Step) -> Mapping[str, Any]:
        try:
            return self.steps[tenant, id][step]
        except KeyError:
            raise NotFound from None

    def newest(self, tenant: str, limit: int) -> Sequence[Progress]:
        return [self.read(*place) for place in self.steps if place[0] == tenant][:limit]


class Folder(MemorySink):
    personal: bytes | None = None

    def put_personal(self, body: bytes) -> None:
        self.personal = body


class Bench:
    """An exporter over a world in memory; ``happened`` is the order of what others saw."""

    def __init__(self) -> None:
        self.world = World()
        self.world.record({"personal": "AAAA"}, {}, {"tenant": "south", "personal": "AAAA"})
        self.jobs, self.out = MemoryJobs(), Folder()
        self.happened: list[str] = []
        self.events: list[AuditEvent] = []
        self.exporter = Exporter(
            log=self.world.log,
            objects=self.world.objects,
            jobs=self.jobs,
            folder=lambda _: self.out,
            authority=lambda: self.world.authority,
            seal=self.seal,
            record=self.record,
            opener=self.opener,
            now=lambda: WITNESSED,
        )

    def run(self, job: Job, **changes: Any) -> dict[str, Any]:
        """Requested, as the API does it, and run, the exporter being changed."""
        if (job.tenant, job.id) not in self.jobs.steps:
            self.jobs.write(job.tenant, job.id, Step.REQUESTED, requested(job))
        return replace(self.exporter, **changes).run(job)

    def seal(self) -> Mapping[str, Any]:
        self.happened.append("seal")
        self.world.seal()
        return {"complete": True}

    def record(self, events: Sequence[AuditEvent]) -> None:
        self.happened += [f"record {event.action} {event.error}".strip() for event in events]
        self.events += events

    def opener(self, event: AuditEvent) -> dict[str, str]:
        self.happened.append(f"open {event.tenant}")
        return {"user_email": f"someone@{event.tenant}.example", "ip_address": "192.0.2.1"}

    @property
    def steps(self) -> Mapping[Step, Mapping[str, Any]]:
        return next(iter(self.jobs.steps.values()))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def personal(bench: Bench) -> list[dict[str, Any]]:
    assert bench.out.personal is not None
    return [json.loads(line) for line in decompress(bench.out.personal, 1 << 20).splitlines()]


def test_it_seals_exports_records_and_is_done(bench: Bench) -> None:
    said = bench.run(JOB)
    assert said == {"first": 0, "size": 4, "files": len(bench.out.files), "open": False}
    assert bench.happened == ["seal", "record audit.export"]
    assert list(bench.steps) == [Step.REQUESTED, Step.STARTED, Step.DONE]
    assert bench.out.personal is None
    (event,) = bench.events
    assert (event.tenant, event.user_id, event.role, event.session) == ("north", "user-9", "auditor", "session-9")
    assert (event.request_id, event.resource, event.resource_id) == ("request-9", "AuditExport", ID)


def test_a_tenant_without_a_line_has_no_export(bench: Bench) -> None:
    """Not even where operators tried before: what they typed is on record."""
    bench.world.record(an_event(tenant="nosuch", role="operator", action=Action.AUDIT_EXPORT))
    said = bench.run(replace(JOB, tenant="nosuch"))
    assert said["error"] == "not-found"
    assert "no line of this tenant" in said["detail"]
    assert bench.out.files == {}
    assert list(bench.steps) == [Step.REQUESTED, Step.STARTED, Step.FAILED]
    assert bench.happened == ["seal", "record audit.export not-found"]


def test_personal_fields_are_opened_after_that_is_recorded_and_of_the_tenant_alone(bench: Bench) -> None:
    bench.run(replace(JOB, open=True))
    assert bench.happened == ["seal", "record audit.open", "open north", "record audit.export"]
    (line,) = personal(bench)
    assert line.pop("id")
    assert line == {"user_email": "someone@north.example", "ip_address": "192.0.2.1"}


def test_of_the_whole_log_each_tenants_opening_is_recorded_for_it(bench: Bench) -> None:
    bench.run(replace(JOB, tenant="", open=True))
    assert [(event.action, event.tenant) for event in bench.events] == [
        (Action.AUDIT_OPEN, "north"),
        (Action.AUDIT_OPEN, "south"),
        (Action.AUDIT_EXPORT, "-"),
    ]


@pytest.mark.parametrize(("error", "shown"), [(Gone(), "erased"), (IntegrityError(), "unreadable")])
def test_what_no_longer_opens_is_said(bench: Bench, error: Exception, shown: str) -> None:
    def refuse(event: AuditEvent) -> dict[str, str]:
        raise error

    bench.run(replace(JOB, open=True), opener=refuse)
    (line,) = personal(bench)
    assert line.keys() == {"id", shown}
    assert line[shown] is True


def test_nothing_is_opened_that_cannot_be_recorded(bench: Bench) -> None:
    def refuse(events: Sequence[AuditEvent]) -> None:
        if bench.happened.count("refused") < 1:
            bench.happened.append("refused")
            raise Unavailable

    said = bench.run(replace(JOB, open=True), record=refuse)
    assert said["error"] == "unavailable"
    assert bench.happened == ["seal", "refused"]
    assert bench.out.personal is None
    assert Step.FAILED in bench.steps


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"seal": raising(Unavailable("x"))}, "unavailable"),
        ({"seal": lambda: {"complete": False}}, "unavailable"),
        ({"seal": dict}, "unavailable"),
        ({"authority": raising(Unavailable())}, "unavailable"),
        ({"seal": raising(IntegrityError())}, "integrity"),
        ({"seal": raising(ZeroDivisionError("secret"))}, "internal"),
    ],
)
def test_a_failure_is_written_recorded_and_leaves_no_manifest(bench: Bench, changes: dict[str, Any], code: str) -> None:
    said = bench.run(JOB, **changes)
    assert said["error"] == code
    assert "secret" not in str(said)
    assert list(bench.steps) == [Step.REQUESTED, Step.STARTED, Step.FAILED]
    assert MANIFEST not in bench.out.files
    assert bench.happened[-1] == f"record audit.export {code}"


def test_a_repeated_call_makes_nothing(bench: Bench) -> None:
    said = bench.run(JOB)
    assert bench.run(JOB) == said
    assert bench.happened == ["seal", "record audit.export"]


@pytest.mark.parametrize(
    "forged",
    [
        replace(JOB, tenant="south"),
        replace(JOB, tenant=""),
        replace(JOB, id=ID.replace("5", "6")),
        replace(JOB, open=True),
        replace(JOB, since=1),
        *(replace(JOB, asker=replace(JOB.asker, **{name: "else"})) for name in asdict(JOB.asker)),
    ],
)
def test_a_job_that_nobody_requested_makes_nothing(bench: Bench, forged: Job) -> None:
    bench.jobs.write(JOB.tenant, JOB.id, Step.REQUESTED, requested(JOB))
    with pytest.raises(AccessDenied):
        bench.exporter.run(forged)
    assert (bench.happened, bench.out.files, list(bench.steps)) == ([], {}, [Step.REQUESTED])
    assert bench.exporter.run(JOB)["size"] == 4, "whose export goes on"


def test_what_is_requested_says_nothing_of_sealed_fields_but_their_hash() -> None:
    assert "c2VhbGVk" not in json.dumps(requested(replace(JOB, asker=replace(JOB.asker, personal="c2VhbGVk"))))


def test_an_operators_job_is_recorded_before_it_is_requested(bench: Bench) -> None:
    bench.exporter.order(Job(id=ID, open=True))
    assert bench.happened == ["record audit.export", "record audit.open"]
    assert {event.role for event in bench.events} == {"operator"}
    assert list(bench.steps) == [Step.REQUESTED]
    failing = replace(bench.exporter, record=raising(Unavailable()))
    with pytest.raises(Unavailable):
        failing.order(Job(id=ID.replace("5", "6"), open=True))
    assert len(bench.jobs.steps) == 1
    assert bench.exporter.run(Job(id=ID, open=True))["size"] == 4


@pytest.mark.parametrize(
    ("steps", "after", "status"),
    [
        ([Step.REQUESTED], timedelta(0), "queued"),
        ([Step.REQUESTED], QUEUED_FOR + timedelta(seconds=1), "failed"),
        ([Step.REQUESTED, Step.STARTED], RUNS_FOR - timedelta(seconds=1), "running"),
        ([Step.REQUESTED, Step.STARTED], RUNS_FOR + timedelta(seconds=1), "failed"),
        ([Step.REQUESTED, Step.STARTED, Step.DONE], timedelta(days=9), "done"),
        ([Step.REQUESTED, Step.STARTED, Step.FAILED], timedelta(0), "failed"),
    ],
)
def test_status(steps: list[Step], after: timedelta, status: str) -> None:
    at: dict[Step, datetime] = dict.fromkeys(steps, WITNESSED)
    assert Progress(ID, at).status(WITNESSED + after) == status


def test_a_job_comes_back_from_its_payload() -> None:
    job = replace(JOB, since=70_000, open=True)
    assert Job.read(json.loads(json.dumps(job.payload()))["job"]) == job


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../x"},
        {"id": 5},
        {"tenant": "a/b"},
        {"since": -1},
        {"since": "1"},
        {"since": True},
        {"open": 1},
        {"more": 1},
        {"asker": {"user_id": 5}},
        {"asker": {"unheard": "x"}},
        {"asker": "x"},
    ],
)
def test_a_payload_that_is_none_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Job.read(JOB.payload()["job"] | changes)
