"""Order an export of the audit log for one's own tenant: permitted, recorded, handed to the exporter."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from uuid import uuid4

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from functions.audit.app import app, no_parameters
from phivault import bootstrap, web
from phivault.access.principal import Principal
from phivault.adapters.lambda_invoke import invoke_later
from phivault.audit.event import Action
from phivault.audit.export.job import Asker, Job, Step, requested
from phivault.audit.export.layout import MAX_SIZE
from phivault.errors import PhivaultError
from phivault.identity.source import Source
from phivault.inputs import Body, read
from phivault.settings import settings

EXPORTS = "/v1/audit/exports"


class ExportOrder(Body):
    """``since``: the leaf from which on lines are wanted. ``open``: the personal fields too, in a file beside it."""

    since: int = Field(0, ge=0, le=MAX_SIZE)
    open: bool = False


@web.operation(
    app,
    "POST",
    EXPORTS,
    web.Operation(
        summary="Order an export of one's tenant's audit log; needs a sign-in no older than five minutes",
        permission="audit:export",
        audit=(Action.AUDIT_EXPORT, Action.AUDIT_OPEN),
        body=ExportOrder,
        body_optional=True,
        statuses=(202,),
    ),
)
def _order() -> Response[str]:
    event = app.current_event
    job = ordered(web.principal(event), web.source(event), web.optional_body(event))
    return web.answer(
        202, json.dumps({"id": job.id, "status": "queued"}), Location=f"{web.base_url(event)}{EXPORTS}/{job.id}"
    )


def ordered(principal: Principal, source: Source, body: bytes) -> Job:
    """Once it is recorded and handed over. Raises AccessDenied, InvalidInput, UnsupportedParameter, Unavailable, each
    recorded."""
    job = Job(id=str(uuid4()), tenant=principal.tenant, asker=asker(principal, source))
    try:
        job = _permitted(principal, job, body)
    except PhivaultError as error:
        record(job, *job.actions(), error=error)
        raise
    record(job, *job.actions())
    bootstrap.exports().write(job.tenant, job.id, Step.REQUESTED, requested(job))
    invoke_later(settings().exporter_function, job.payload())
    return job


def _permitted(principal: Principal, job: Job, body: bytes) -> Job:
    decider = bootstrap.decider()
    decider.require(principal, "audit:export")
    no_parameters()  # a tenant or a leaf in the query isn't one that counts
    wanted = read(ExportOrder, body)
    if wanted.open:
        decider.require(principal, "audit:open")
    return replace(job, since=wanted.since, open=wanted.open)


def asker(principal: Principal, source: Source) -> Asker:
    person = principal.personal
    sealed = (base64.b64encode(person.sealed).decode(), person.subject, person.ref) if person else ("", "", "")
    return Asker(principal.user_id, str(principal.role), principal.session_id, source.request_id, *sealed)


def record(job: Job, *actions: Action, error: PhivaultError | None = None) -> None:
    bootstrap.recorder().append([job.event(action, error) for action in actions])
