"""CloudFormation's custom resource: the database follows the release before any function of it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from phivault import bootstrap, logs
from phivault.adapters import cloudformation

logs.configure("migrate")


def handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001  (Lambda's signature)
    cloudformation.answer(event, "phivault-database", lambda: _attributes(event))


def _attributes(event: Mapping[str, Any]) -> dict[str, str]:
    """``ContextKeys``: the wrapped keys as JSON. A deletion leaves everything as it is."""
    if event["RequestType"] == "Delete":
        return {}
    return {"ContextKeys": json.dumps(bootstrap.prepare_database(event["ResourceProperties"]["ContextKeyIds"]))}
