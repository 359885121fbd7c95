"""Create, update and delete one resource."""

from __future__ import annotations

from dataclasses import replace

from aws_lambda_powertools.event_handler import Response

from functions.records import answers, asked, binary
from functions.records.routes import INSTANCE, RESOURCE, about, app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.records import create, delete, patch, update
from phivault.records.bundle import PATCH_TYPE

_CREATE = about("Create a resource", Action.CREATE, "create", body=True, statuses=(201, 200), raw=True)


@web.operation(app, "POST", RESOURCE, replace(_CREATE, audit=(Action.CREATE, Action.READ)))  # read: what was there
def _create(type: str) -> Response[str]:
    event = app.current_event
    call, body = asked.call(event, Action.CREATE, type), binary.body(event, type)
    key, condition = asked.idempotency_key(event), asked.if_none_exist(event)
    preferred, records = asked.preferred(event), bootstrap.records()
    if condition is None:
        made, is_new = create.create(records, call, type, body, idempotency_key=key), True
    else:
        made, is_new = create.create_conditionally(records, call, type, body, condition, idempotency_key=key)
    return answers.resource(made, status=201 if is_new else 200, location=web.fhir_url(event), body=preferred)


@web.operation(
    app,
    "PUT",
    INSTANCE,
    about("Update; what the caller can't see is kept", Action.UPDATE, "update", body=True, raw=True),
)
def _update(type: str, id: str) -> Response[str]:
    event = app.current_event
    call, body = asked.call(event, Action.UPDATE, type), binary.body(event, type, id)
    key, match, preferred = asked.idempotency_key(event), asked.if_match(event), asked.preferred(event)
    made = update.update(bootstrap.records(), call, type, id, body, if_match=match, idempotency_key=key)
    return answers.resource(made, body=preferred)


@web.operation(
    app,
    "PATCH",
    INSTANCE,
    about("Update what the operations of a JSON Patch name", Action.UPDATE, "update", body=PATCH_TYPE),
)
def _patch(type: str, id: str) -> Response[str]:
    event = app.current_event
    call, body = asked.call(event, Action.UPDATE, type), web.body(event, types=(PATCH_TYPE,))
    key, match, preferred = asked.idempotency_key(event), asked.if_match(event), asked.preferred(event)
    made = patch.patch(bootstrap.records(), call, type, id, body, if_match=match, idempotency_key=key)
    return answers.resource(made, body=preferred)


@web.operation(
    app, "DELETE", INSTANCE, about("Delete; earlier versions stay sealed", Action.DELETE, "delete", statuses=(204,))
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
