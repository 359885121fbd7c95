"""CloudFormation's custom resource: the database follows the release before any function of it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from phivault import bootstrap, logs
from phivault.adapters import cloudformation
from phivault.audit.event import Action
from phivault.audit.system import request, system_event
from phivault.errors import PhivaultError
from phivault.phi.detect import redact_line

logs.configure("migrate", redact_line)


def handler(event: dict[str, Any], context: Any) -> None:
    request.set(context.aws_request_id)
    cloudformation.answer(event, "phivault-database", lambda: _attributes(event))


def _attributes(event: Mapping[str, Any]) -> dict[str, str]:
    """``ContextKeys``: the wrapped keys as JSON. A deletion leaves everything as it is."""
    if event["RequestType"] == "Delete":
        return {}
    asked = event["ResourceProperties"]
    release = asked.get("Release", "")
    _record(release)
    try:
        return {"ContextKeys": json.dumps(bootstrap.prepare_database(asked["ContextKeyIds"]))}
    except Exception as error:
        _record(release, error if isinstance(error, PhivaultError) else PhivaultError())
        raise


def _record(release: str, error: PhivaultError | None = None) -> None:
    event = system_event(Action.SYSTEM_MIGRATE, error=error, resource="Release", resource_id=release)
    bootstrap.recorder().append([event])
