"""The exporter: invoked by the API with the job that it recorded, or by an operator with ``{"tenant", "since",
"open"}``, each optional. Answers ``{"id", "bucket"}`` with what became of it: a failed job answers ``error`` and is
never tried again, since a new one has a new id. A job that isn't what was requested under its id is refused."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

from phivault import bootstrap, logs
from phivault.audit.export.job import Job
from phivault.audit.system import request
from phivault.errors import PhivaultError
from phivault.phi.detect import redact_line
from phivault.settings import settings

logs.configure("exporter", redact_line)
log = logging.getLogger(__name__)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    request.set(context.aws_request_id)
    try:
        job = Job.read(event["job"]) if "job" in event else _ordered(event, context.aws_request_id)
        said = bootstrap.exporter().run(job)
    except PhivaultError as error:
        log.error("no export: %s", error.code, exc_info=error)
        return {"error": error.code, "detail": error.detail}
    return {"id": job.id, "bucket": settings().audit_exports_bucket, **said}


def _ordered(event: dict[str, Any], request_id: str) -> Job:
    job = Job.read(event | {"id": str(uuid4()), "asker": {"request_id": request_id}})
    bootstrap.exporter().order(job)
    return job
