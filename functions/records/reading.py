"""Read one resource: its newest version, or an earlier one."""

from __future__ import annotations

import re

from aws_lambda_powertools.event_handler import Response

from functions.records import answers, asked, binary
from functions.records.routes import INSTANCE, about, app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.records import read, vread
from phivault.records.binary import CONTENT

PARTS = ("_summary", "_elements", "_format")


@web.operation(app, "GET", INSTANCE, about("Read the newest version", Action.READ, "read", parameters=PARTS, raw=True))
def _read(type: str, id: str) -> Response[str]:
    event = app.current_event
    call = asked.call(event, Action.READ, type)
    if binary.is_raw(event, type):
        return binary.answer(read.read(bootstrap.records(), call, type, id, needs=CONTENT))
    return answers.resource(read.read(bootstrap.records(), call, type, id, web.parameters(event)))


@web.operation(
    app, "GET", INSTANCE + "/_history/{version}", about("Read one version", Action.VREAD, "read", parameters=PARTS)
)
def _vread(type: str, id: str, version: str) -> Response[str]:
    if not re.fullmatch("[0-9]{1,9}", version):
        raise NotFound("There is no such version")
    event = app.current_event
    call = asked.call(event, Action.VREAD, type)
    return answers.resource(vread.vread(bootstrap.records(), call, type, id, int(version), web.parameters(event)))
