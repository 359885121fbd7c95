"""A bundle of requests, of whichever kind."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.records.batch import run
from phivault.records.bundle import opened
from phivault.records.call import Call
from phivault.records.events import Target, Trail
from phivault.records.service import Records
from phivault.records.transaction import Asked, Transacted, transact


def answer(
    records: Records,
    call: Call,
    body: bytes,
    *,
    base_url: str,
    idempotency_key: str | None = None,
    prefer: str = "minimal",
) -> Transacted:
    """Do a transaction (``transaction.transaction``) or a batch, of which each entry is answered on its own.

    Raises InvalidInput for a bundle that is neither, Unprocessable for an Idempotency-Key of another request, and
    Unavailable; what a transaction refuses, too.
    """
    with Trail(records, call, Action.TRANSACTION, Target("Bundle")) as trail:
        kind, raw = opened(body, "transaction", "batch")
        asked = Asked(base_url, prefer)
        if kind == "transaction":
            return transact(trail, raw, body, asked, idempotency_key)
        trail.action = Action.BATCH
        return run(trail, raw, body, asked, idempotency_key)
