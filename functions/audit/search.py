"""Search the audit log of one's own tenant, and single events of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.audit.app import about, app, no_parameters
from functions.audit.reviewed import reviewed
from phivault import bootstrap, web
from phivault.audit.canonical import encode
from phivault.audit.event import Action
from phivault.audit.lookup import find
from phivault.audit.query import MAX_LIMIT, Found, search
from phivault.inputs import known, whole_number

FILTERS = ("patient", "user", "action", "risk", "since", "until", "cursor")
PARAMETERS = (*FILTERS, "limit")
EVENTS = "/v1/audit/events"


@web.operation(
    app, "GET", EVENTS, about("Events of one's tenant, newest first", Action.AUDIT_SEARCH, parameters=PARAMETERS)
)
def _events() -> Response[str]:
    asked = app.current_event
    found = reviewed(asked, Action.AUDIT_SEARCH, "audit:search", lambda tenant: page(tenant, web.parameters(asked)))
    return web.answer(200, found)


@web.operation(app, "GET", EVENTS + "/{id}", about("One event", Action.AUDIT_SEARCH))
def _event(id: str) -> Response[str]:
    found = reviewed(app.current_event, Action.AUDIT_SEARCH, "audit:search", lambda tenant: event(tenant, id), id=id)
    return web.answer(200, found)


def page(tenant: str, parameters: Mapping[str, str]) -> str:
    """The page as JSON. Raises UnsupportedParameter, InvalidInput or Unavailable."""
    known(parameters, PARAMETERS)
    limit = whole_number({"limit": "50"} | dict(parameters), "limit", MAX_LIMIT)
    filters: dict[str, Any] = {name: parameters[name] for name in FILTERS if name in parameters}
    found = search(bootstrap.audit_index(), tenant, limit=limit, **filters)
    return json.dumps({"events": [_shown(each) for each in found.found], "cursor": found.cursor})


def event(tenant: str, id: str) -> str:
    """One event as JSON. Raises NotFound or Unavailable."""
    no_parameters()
    return json.dumps(_shown(find(bootstrap.audit_index(), tenant, id)))


def _shown(found: Found) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(encode(found.entry))
    return line | {"object": found.object_key, "position": found.position}
