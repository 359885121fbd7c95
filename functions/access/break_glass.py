"""The emergency access procedure."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.access.app import app
from functions.access.asked import about, call
from phivault import web
from phivault.audit.event import Action
from phivault.inputs import read
from phivault.permissions.break_glass.end_glass import end_glass
from phivault.permissions.break_glass.list_glasses import PARAMETERS, list_glasses
from phivault.permissions.break_glass.open_glass import OpenGlass, open_glass
from phivault.permissions.break_glass.review_glass import ReviewGlass, review_glass
from phivault.permissions.break_glass.show_glass import show_glass

GLASSES = "/v1/break-glass"
GLASS = GLASSES + "/{id}"
READ = "break-glass:read"


@web.operation(
    app,
    "GET",
    GLASSES,
    about("Broken glasses: one's own, or the tenant's", Action.BREAK_GLASS_LIST, READ, parameters=PARAMETERS),
)
def _list() -> Response[str]:
    return web.answer(200, json.dumps(list_glasses(call(), web.parameters(app.current_event))))


@web.operation(
    app,
    "POST",
    GLASSES,
    about(
        "Break the glass for one patient and an hour",
        Action.BREAK_GLASS_OPEN,
        "break-glass:open",
        body=OpenGlass,
        statuses=(201,),
        refusals=(409, 410),
    ),
)
def _open() -> Response[str]:
    asked = call()
    glass = open_glass(asked, read(OpenGlass, web.body(app.current_event)))
    return web.answer(201, json.dumps(glass.shown(glass.opened)))


@web.operation(app, "GET", GLASS, about("One broken glass, its notes for officers", Action.BREAK_GLASS_READ, READ))
def _show(id: str) -> Response[str]:
    return web.answer(200, json.dumps(show_glass(call(), id)))


@web.operation(
    app,
    "POST",
    GLASS + "/end",
    about("End it before its hour is over", Action.BREAK_GLASS_END, "break-glass:end", refusals=(409,)),
)
def _end(id: str) -> Response[str]:
    glass = end_glass(call(), id)
    return web.answer(200, json.dumps(glass.shown(glass.ended)))


@web.operation(
    app,
    "POST",
    GLASS + "/review",
    about(
        "Judge one that has ended, as another person",
        Action.BREAK_GLASS_REVIEW,
        "break-glass:review",
        body=ReviewGlass,
        refusals=(409, 410),
    ),
)
def _review(id: str) -> Response[str]:
    asked = call()
    glass = review_glass(asked, id, read(ReviewGlass, web.body(app.current_event)))
    return web.answer(200, json.dumps(glass.shown(glass.reviewed)))
