"""The sealer: by the clock it seals for as long as events keep coming; asked by a function, ``{}``, once."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from phivault import bootstrap, logs
from phivault.audit.seal.keep_sealing import keep_sealing
from phivault.phi.detect import redact_line

logs.configure("sealer", redact_line)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  (Lambda's signature)
    scheduled = event.get("source") == "aws.events"
    return asdict(keep_sealing(bootstrap.sealer().seal) if scheduled else bootstrap.sealer().seal())
