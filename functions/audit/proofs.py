"""What proves the log to somebody who doesn't believe us: a checkpoint, and an event's way to it."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.audit.app import about, app, no_parameters
from functions.audit.reviewed import reviewed
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.audit.log.prove import prove, witnessed
from phivault.audit.lookup import find
from phivault.settings import settings

MEDIA_TYPE = "text/plain; charset=utf-8"


@web.operation(
    app,
    "GET",
    "/v1/audit/events/{id}/proof",
    about("An event's proof of inclusion (C2SP tlog-proof)", Action.AUDIT_PROOF, "audit:proof", answer="text/plain"),
)
def _proof(id: str) -> Response[str]:
    text = reviewed(app.current_event, Action.AUDIT_PROOF, "audit:proof", lambda tenant: proof(tenant, id), id=id)
    return web.answer(200, text, media=MEDIA_TYPE)


@web.operation(
    app,
    "GET",
    "/v1/audit/checkpoint",
    about("The newest witnessed checkpoint", Action.AUDIT_CHECKPOINT, "audit:checkpoint", answer="text/plain"),
)
def _checkpoint() -> Response[str]:
    text = reviewed(app.current_event, Action.AUDIT_CHECKPOINT, "audit:checkpoint", lambda _: checkpoint(), resource="")
    return web.answer(200, text, media=MEDIA_TYPE)


def checkpoint() -> str:
    """The newest witnessed checkpoint, a C2SP signed note. Raises Unavailable."""
    no_parameters()
    return witnessed(bootstrap.log_reader(), settings().witness_name).decode()


def proof(tenant: str, id: str) -> str:
    """The C2SP tlog-proof of an event of ``tenant``; its extra data is the event's line. Raises NotFound, Unavailable
    (also for an event that isn't sealed yet: once a minute), IntegrityError."""
    no_parameters()
    found = find(bootstrap.audit_index(), tenant, id)
    log = bootstrap.log_reader()
    return prove(log, witnessed(log, settings().witness_name), found.entry).encode().decode()
