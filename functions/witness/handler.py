"""The witness: C2SP tlog-witness, its add-checkpoint call. ``{"body": <the request's text>}`` is answered with
``{"status", "body"}``, ``{"vkey": true}`` with its verifier key. With its own key, role and bucket, and best in another
account than the log's."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from phivault import bootstrap, logs
from phivault.audit.witness import answer
from phivault.phi.detect import redact_line

logs.configure("witness", redact_line)


def handler(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001  (Lambda's signature)
    if event == {"vkey": True}:
        return {"vkey": bootstrap.witness_stand().vkey}
    body = event.get("body") if isinstance(event, dict) else None
    return asdict(answer(bootstrap.witness_stand(), body))
