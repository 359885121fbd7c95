"""FHIR resources: every route is one verb of phivault.records."""

from __future__ import annotations

import re
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.records import answers, asked
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.records import capability, create, delete, read, search, transaction, update, vread
from phivault.records.operation_outcome import MEDIA_TYPE, outcome

app = web.resolver("records", outcome)
RESOURCE, INSTANCE = "/v1/fhir/{type}", "/v1/fhir/{type}/{id}"
MAX_BUNDLE = 4 << 20


def _about(summary: str, action: Action, verb: str, *, body: bool = False, **more: Any) -> web.Operation:
    media = MEDIA_TYPE if body else None
    return web.Operation(summary=summary, permission=f"fhir:{verb}", audit=(action,), phi=True, body=media, **more)


@web.operation(
    app, "GET", "/v1/fhir/metadata", web.Operation(summary="What this server can do", permission="anyone", audit=())
)
def _metadata() -> Response[str]:
    return answers.document(capability.statement(web.fhir_url(app.current_event)))


@web.operation(
    app, "POST", "/v1/fhir", _about("A transaction Bundle: all or nothing", Action.TRANSACTION, "create", body=True)
)
def _transaction() -> Response[str]:
    event = app.current_event
    call, body = asked.call(event, Action.TRANSACTION, "Bundle"), web.body(event, limit=MAX_BUNDLE)
    done = transaction.transaction(
        bootstrap.records(),
        call,
        body,
        base_url=web.fhir_url(event),
        idempotency_key=asked.idempotency_key(event),
    )
    return answers.document(done.body)


@web.operation(app, "POST", RESOURCE, _about("Create a resource", Action.CREATE, "create", body=True, statuses=(201,)))
def _create(type: str) -> Response[str]:
    event = app.current_event
    call, body = asked.call(event, Action.CREATE, type), web.body(event)
    made = create.create(bootstrap.records(), call, type, body, idempotency_key=asked.idempotency_key(event))
    return answers.resource(made, status=201, location=web.fhir_url(event))


@web.operation(
    app,
    "GET",
    RESOURCE,
    _about("Find by id and patient", Action.SEARCH, "search", parameters=("_id", "patient", "_count", "_cursor")),
)
def _search(type: str) -> Response[str]:
    event = app.current_event
    call, parameters = asked.call(event, Action.SEARCH, type), list(web.parameters(event).items())
    found = search.search(bootstrap.records(), call, type, parameters, base_url=web.fhir_url(event))
    return answers.document(found.body)


@web.operation(app, "GET", INSTANCE, _about("Read the newest version", Action.READ, "read"))
def _read(type: str, id: str) -> Response[str]:
    call = asked.call(app.current_event, Action.READ, type)
    return answers.resource(read.read(bootstrap.records(), call, type, id))


@web.operation(
    app, "PUT", INSTANCE, _about("Update; what the caller can't see is kept", Action.UPDATE, "update", body=True)
)
def _update(type: str, id: str) -> Response[str]:
    event = app.current_event
    call, body = asked.call(event, Action.UPDATE, type), web.body(event)
    key, match = asked.idempotency_key(event), asked.if_match(event)
    return answers.resource(
        update.update(bootstrap.records(), call, type, id, body, if_match=match, idempotency_key=key)
    )


@web.operation(
    app, "DELETE", INSTANCE, _about("Delete; earlier versions stay sealed", Action.DELETE, "delete", statuses=(204,))
)
def _delete(type: str, id: str) -> Response[str]:
    event = app.current_event
    gone = delete.delete(
        bootstrap.records(),
        asked.call(event, Action.DELETE, type),
        type,
        id,
        if_match=asked.if_match(event),
        idempotency_key=asked.idempotency_key(event),
    )
    return web.answer(204, "", ETag=f'W/"{gone.version}"')


@web.operation(app, "GET", INSTANCE + "/_history/{version}", _about("Read one version", Action.VREAD, "read"))
def _vread(type: str, id: str, version: str) -> Response[str]:
    if not re.fullmatch("[0-9]{1,9}", version):
        raise NotFound("There is no such version")
    call = asked.call(app.current_event, Action.VREAD, type)
    return answers.resource(vread.vread(bootstrap.records(), call, type, id, int(version)))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
