"""By the clock: says of every broken glass that nobody reviewed in time that it is overdue."""

from __future__ import annotations

from typing import Any

from phivault import bootstrap, logs
from phivault.phi.detect import redact_line

logs.configure("overdue", redact_line)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  (Lambda's signature)
    return {"told": bootstrap.tell_overdue()}
