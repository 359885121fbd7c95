"""An export as somebody asked for it: recorded, begun once, done or failed."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from phivault.audit.event import Action, AuditEvent
from phivault.audit.export.build import Authority, Order, Sink, build
from phivault.audit.export.layout import MAX_SIZE
from phivault.audit.export.manifest import Manifest
from phivault.audit.export.personal import Opener, opened
from phivault.audit.log.store import EventObjects, LogReader
from phivault.audit.system import NO_TENANT, system_event
from phivault.errors import AccessDenied, Conflict, InvalidInput, NotFound, PhivaultError, Unavailable

OPERATOR: Final = "operator"
"""The role of who invoked the exporter itself; AWS's trail tells which of them, by the request's id."""
QUEUED_FOR: Final = timedelta(hours=6)
"""How long Lambda tries to hand over an event."""
RUNS_FOR: Final = timedelta(minutes=16)
"""A little more than Lambda lets the exporter run."""

_ID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_TENANT: Final = re.compile("[A-Za-z0-9._:-]{0,64}", re.ASCII)
_log = logging.getLogger(__name__)


class Step(StrEnum):
    """What an export has come to. Each is written once, in this order; the last two end it."""

    REQUESTED = "requested"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked: fields of AuditEvent."""

    user_id: str = ""
    role: str = OPERATOR
    session: str = ""
    request_id: str = ""
    personal: str = field(default="", repr=False)
    personal_subject: str = ""
    personal_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """``tenant`` "" is the whole log; ``since`` a leaf; ``open`` asks for the personal fields, beside the export."""

    id: str
    tenant: str = ""
    since: int = 0
    open: bool = False
    asker: Asker = Asker()

    def event(self, action: Action, error: PhivaultError | None = None, tenant: str = "") -> AuditEvent:
        """About this export, for the tenant concerned; of the whole log, it is nobody's in particular."""
        about = {"resource": "AuditExport", "resource_id": self.id}
        return system_event(
            action, tenant=tenant or self.tenant or NO_TENANT, error=error, **about, **asdict(self.asker)
        )

    def actions(self) -> tuple[Action, ...]:
        return (Action.AUDIT_EXPORT, Action.AUDIT_OPEN) if self.open else (Action.AUDIT_EXPORT,)

    def payload(self) -> dict[str, Any]:
        """As the exporter is invoked with it."""
        return {"job": asdict(self)}

    @classmethod
    def read(cls, members: Mapping[str, Any]) -> Job:
        """The inverse. Raises InvalidInput."""
        try:
            asker = Asker(**members.get("asker", {}))
            job = cls(**{**members, "asker": asker})
        except (TypeError, AttributeError):
            raise InvalidInput("The job has an unknown field, or lacks one") from None
        text = all(isinstance(value, str) for value in (job.id, job.tenant, *asdict(asker).values()))
        if not (text and _ID.fullmatch(job.id) and isinstance(job.open, bool)):
            raise InvalidInput("The job breaks the schema")
        check_tenant(job.tenant)
        check_since(job.since)
        return job


@dataclass(frozen=True, slots=True)
class Progress:
    """When each step was written, and what the last one says."""

    id: str
    steps: Mapping[Step, datetime]
    said: Mapping[str, Any] = field(default_factory=dict)

    def status(self, now: datetime) -> str:
        """queued, running, done or failed: one whose function ended without a word has failed too."""
        for end in (Step.DONE, Step.FAILED):
            if end in self.steps:
                return str(end)
        if Step.STARTED in self.steps:
            return "failed" if now - self.steps[Step.STARTED] > RUNS_FOR else "running"
        return "failed" if now - self.steps[Step.REQUESTED] > QUEUED_FOR else "queued"


class Jobs(Protocol):
    """Obligations: a step is written once and stays; what was written is seen by every later read. Tenant "" has the
    exports of the whole log. Raises Unavailable."""

    def write(self, tenant: str, id: str, step: Step, said: Mapping[str, Any]) -> None:
        """Raises Conflict where that step was written before."""

    def read(self, tenant: str, id: str) -> Progress:
        """With what the last step says. Raises NotFound, for another tenant's too."""

    def said(self, tenant: str, id: str, step: Step) -> Mapping[str, Any]:
        """What that step says. Raises NotFound where it wasn't written."""

    def newest(self, tenant: str, limit: int) -> Sequence[Progress]:
        """The tenant's exports, newest first, without what the steps say."""


class Folder(Sink, Protocol):
    """A sink for one export, and for what lies beside it: ``put_personal`` keeps a file for some
    days at most: what it holds must not outlive an erasure for long."""

    def put_personal(self, body: bytes) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """What the work needs. ``seal`` answers the members of ``seal.sealer.Sealed``: with ``complete`` everything that
    was stored before it was called is in the published log. ``record`` returns once the events are in the audit log;
    ``authority`` is asked for within a job, which fails where that does."""

    log: LogReader
    objects: EventObjects
    jobs: Jobs
    folder: Callable[[str], Folder]
    authority: Callable[[], Authority]
    seal: Callable[[], Mapping[str, Any]]
    record: Callable[[Sequence[AuditEvent]], None]
    opener: Opener
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def order(self, job: Job) -> None:
        """For an export that nobody ordered through the API: recorded, then requested, as there."""
        self.record([job.event(action) for action in job.actions()])
        self.jobs.write(job.tenant, job.id, Step.REQUESTED, requested(job))

    def run(self, job: Job) -> dict[str, Any]:
        """Make the export; what its last step says. An export is begun once: a repeated call changes nothing.

        Raises AccessDenied for a job that wasn't requested as it stands, Unavailable where not even a failure could
        be written down.
        """
        self._require_requested(job)
        try:
            # Drawn, so that of two runs that write at once one finds the other's and not its own.
            self.jobs.write(job.tenant, job.id, Step.STARTED, {"run": secrets.token_hex(8), "since": job.since})
        except Conflict:
            return dict(self.jobs.read(job.tenant, job.id).said)
        try:
            said = self._make(job)
        except Exception as error:  # noqa: BLE001  (whatever it is, the job ends as failed, and is recorded so)
            return self._fail(job, error)
        self.jobs.write(job.tenant, job.id, Step.DONE, said)
        return said

    def _require_requested(self, job: Job) -> None:
        """Whoever may invoke the exporter can make up a job; only who is let order one writes what it asks for."""
        try:
            asked = self.jobs.said(job.tenant, job.id, Step.REQUESTED)
        except NotFound:
            raise AccessDenied("Nobody requested this export") from None
        if asked != requested(job):
            raise AccessDenied("The job isn't the one that was requested")

    def _make(self, job: Job) -> dict[str, Any]:
        folder, asked_at = self.folder(job.id), self.now()
        if self.seal().get("complete") is not True:
            raise Unavailable("The log has a backlog that isn't sealed yet; order the export again later")
        order = Order(id=job.id, tenant=job.tenant, since=job.since, sealed_at=asked_at)
        manifest = build(order, self.log, self.objects, folder, self.authority(), now=self.now)
        if job.open:
            self._open(job, manifest, folder)
        self.record([job.event(Action.AUDIT_EXPORT)])
        return {"first": manifest.first, "size": manifest.size, "files": len(manifest.files) + 2, "open": job.open}

    def _open(self, job: Job, manifest: Manifest, folder: Folder) -> None:
        def record(tenant: str) -> None:
            self.record([job.event(Action.AUDIT_OPEN, tenant=tenant)])

        frames = opened(self.log, manifest.first, manifest.size, job.tenant, self.opener, record)
        folder.put_personal(b"".join(frames))

    def _fail(self, job: Job, error: Exception) -> dict[str, Any]:
        known = error if isinstance(error, PhivaultError) else PhivaultError()
        _log.error("export %s failed: %s", job.id, known.code, exc_info=error)
        said = {"error": known.code, "detail": known.detail}
        self.jobs.write(job.tenant, job.id, Step.FAILED, said)
        self.record([job.event(Action.AUDIT_EXPORT, known)])
        return said


def requested(job: Job) -> dict[str, Any]:
    """What the first step says: all that a job asks, and who asked. Of the sealed personal fields it has the SHA-256
    alone: it is kept for longer than an erasure may wait."""
    asker = asdict(job.asker) | {"personal": hashlib.sha256(job.asker.personal.encode()).hexdigest()}
    return {"tenant": job.tenant, "since": job.since, "open": job.open, **asker}


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def check_id(id: str) -> None:
    """Raises NotFound for what can't be an export's id: nothing is looked for under it."""
    if not is_id(id):
        raise NotFound("There is no such export")


def check_tenant(tenant: str) -> None:
    """Raises InvalidInput for what can't be a tenant's id; "" is the whole log."""
    if not _TENANT.fullmatch(tenant):
        raise InvalidInput("tenant is not a tenant's id")


def check_since(since: object) -> None:
    """Raises InvalidInput."""
    if type(since) is not int or not 0 <= since <= MAX_SIZE:
        raise InvalidInput("since is not the number of a leaf")
