"""The reconciler: by the clock the last window that has settled, or the one that ``{"since", "until"}`` names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from phivault import bootstrap, logs
from phivault.audit.reconcile.window import Window
from phivault.phi.detect import redact_line

logs.configure("reconciler", redact_line)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  (Lambda's signature)
    outcome = bootstrap.reconcile(Window.asked(event, datetime.now(UTC)))
    said: dict[str, Any] = {
        "unwraps": outcome.tally.unwraps,
        "requests": outcome.tally.requests,
        "findings": [finding.id for finding in outcome.findings],
        "recorded": len(outcome.new),
    }
    return said if outcome.begun else said | {"nothing": "The log has no checkpoint yet"}
