"""Restriction of processing."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.access.app import app
from functions.access.asked import about, call
from phivault import web
from phivault.audit.event import Action
from phivault.inputs import read
from phivault.permissions.restriction_lift import lift_restriction
from phivault.permissions.restriction_set import Restrict, restrict
from phivault.permissions.restriction_show import show_restriction

RESTRICTION = "/v1/patients/{id}/restriction"
CHANGE = "restriction:change"


@web.operation(
    app,
    "GET",
    RESTRICTION,
    about("Whether a patient's record rests, and why", Action.RESTRICTION_READ, "restriction:read"),
)
def _show(id: str) -> Response[str]:
    return web.answer(200, json.dumps(show_restriction(call(), id)))


@web.operation(
    app,
    "PUT",
    RESTRICTION,
    about("Restrict the processing of a patient's record", Action.RESTRICTION_SET, CHANGE, body=Restrict),
)
def _set(id: str) -> Response[str]:
    asked = call()
    restriction = restrict(asked, id, read(Restrict, web.body(app.current_event)))
    return web.answer(200, json.dumps({"patient": id, "restriction": restriction.shown()}))


@web.operation(
    app,
    "DELETE",
    RESTRICTION,
    about("Lift a restriction", Action.RESTRICTION_LIFT, CHANGE, statuses=(204,)),
)
def _lift(id: str) -> Response[str]:
    lift_restriction(call(), id)
    return web.answer(204, "")
