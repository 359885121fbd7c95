"""Exports of the audit log of one's own tenant: listed, watched, downloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.audit.app import about, app, no_parameters
from functions.audit.export_order import EXPORTS, asker, record
from functions.audit.reviewed import reviewed
from phivault import bootstrap, web
from phivault.access.principal import Principal
from phivault.audit.event import Action
from phivault.audit.export import layout
from phivault.audit.export.job import Job, Progress, Step, check_id, is_id
from phivault.audit.export.manifest import parse
from phivault.errors import InvalidInput, PhivaultError
from phivault.identity.source import Source
from phivault.inputs import known

PARAMETERS = ("cursor",)
PAGE = 500
"""Files of one answer; its URLs are long."""
NEWEST = 100
SHOWN = {Step.DONE: ("first", "size", "open"), Step.FAILED: ("error", "detail")}
"""What is shown of an end's words. Of an export under way it is ``since`` alone: the rest is the exporter's."""


@web.operation(app, "GET", EXPORTS, about("The newest exports", Action.AUDIT_SEARCH))
def _exports() -> Response[str]:
    event = app.current_event
    return web.answer(200, reviewed(event, Action.AUDIT_SEARCH, "audit:search", listing, resource="AuditExport"))


@web.operation(
    app,
    "GET",
    EXPORTS + "/{id}",
    web.Operation(
        summary="What became of an export; once it is done, where its files are for 15 minutes",
        permission="audit:search",
        audit=(Action.AUDIT_SEARCH, Action.AUDIT_EXPORT, Action.AUDIT_OPEN),
        parameters=PARAMETERS,
    ),
)
def _export(id: str) -> Response[str]:
    event = app.current_event
    return web.answer(200, shown(web.principal(event), web.source(event), id, web.parameters(event)))


def listing(tenant: str) -> str:
    """The newest exports as JSON. Raises UnsupportedParameter, Unavailable."""
    no_parameters()
    return json.dumps({"exports": [_state(tenant, each) for each in bootstrap.exports().newest(tenant, NEWEST)]})


def shown(principal: Principal, source: Source, id: str, parameters: Mapping[str, str]) -> str:
    """An export as JSON; once it is done, with a page of its files. Raises AccessDenied, NotFound, InvalidInput,
    Unavailable, each recorded; handing out URLs is recorded as the release that it is."""
    job = Job(id=id if is_id(id) else "", tenant=principal.tenant, asker=asker(principal, source))
    actions: tuple[Action, ...] = (Action.AUDIT_SEARCH,)
    try:
        bootstrap.decider().require(principal, "audit:search")
        start = _start(parameters)
        progress = _found(principal.tenant, id)
        document = _state(principal.tenant, progress) | _said(progress)
        if Step.DONE in progress.steps:
            opened = progress.said["open"] and bootstrap.decider().permits(principal, "audit:open")
            actions = (Action.AUDIT_EXPORT, Action.AUDIT_OPEN) if opened else (Action.AUDIT_EXPORT,)
            document |= _files(id, start, opened=opened)
    except PhivaultError as error:
        record(job, *actions, error=error)
        raise
    record(job, *actions)
    return json.dumps(document)


def _found(tenant: str, id: str) -> Progress:
    check_id(id)
    return bootstrap.exports().read(tenant, id)


def _files(id: str, start: int, *, opened: bool) -> dict[str, Any]:
    folder = bootstrap.exports().folder(id)
    paths = [layout.MANIFEST, layout.SIGNATURE, *sorted(parse(folder.get(layout.MANIFEST)).files)]
    page = paths[start : start + PAGE]
    more = {"personal_url": folder.personal_url()} if opened else {}
    return more | {
        "files": [{"path": path, "url": url} for path, url in zip(page, folder.urls(page), strict=True)],
        "cursor": str(start + PAGE) if start + PAGE < len(paths) else None,
    }


def _state(tenant: str, progress: Progress) -> dict[str, Any]:
    ended = next((at for step, at in progress.steps.items() if step in SHOWN), None)
    return {
        "id": progress.id,
        "tenant": tenant,
        "status": progress.status(datetime.now(UTC)),
        "requested": _stamp(min(progress.steps.values())),
        "finished": _stamp(ended) if ended else None,
    }


def _said(progress: Progress) -> dict[str, Any]:
    end = next((step for step in SHOWN if step in progress.steps), None)
    names = SHOWN[end] if end else ("since",)
    return {name: progress.said[name] for name in names if name in progress.said}


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _start(parameters: Mapping[str, str]) -> int:
    known(parameters, PARAMETERS)
    cursor = parameters.get("cursor", "0")
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise InvalidInput("cursor is not one that an earlier page answered")
    return int(cursor)
