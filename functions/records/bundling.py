"""Many requests in one Bundle."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from functions.records import answers, asked
from functions.records.routes import ALL, app
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.records import bundles
from phivault.records.operation_outcome import MEDIA_TYPE

MAX_BUNDLE = 4 << 20


@web.operation(
    app,
    "POST",
    ALL,
    web.Operation(
        summary="A Bundle: a transaction, all or nothing, or a batch, each entry on its own",
        permission="fhir:create",
        audit=(Action.TRANSACTION, Action.BATCH),
        phi=True,
        body=MEDIA_TYPE,
    ),
)
def _bundle() -> Response[str]:
    event = app.current_event
    call, body = asked.call(event, Action.TRANSACTION, "Bundle"), web.body(event, limit=MAX_BUNDLE)
    done = bundles.answer(
        bootstrap.records(),
        call,
        body,
        base_url=web.fhir_url(event),
        idempotency_key=asked.idempotency_key(event),
        prefer=asked.prefer(event) or "minimal",
    )
    return answers.document(done.body)
