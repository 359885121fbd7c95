"""Search the audit log of one's own tenant: permitted, done, recorded, answered."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from phivault import bootstrap
from phivault.access.principal import Principal
from phivault.audit.canonical import encode
from phivault.audit.event import Action
from phivault.audit.query import Found, Page, search
from phivault.errors import AccessDenied, InvalidInput, PhivaultError, UnsupportedParameter
from phivault.identity.events import Trace, of_principal
from phivault.identity.source import Source

FILTERS = ("patient", "user", "action", "risk", "since", "until", "cursor")
PARAMETERS = (*FILTERS, "limit")


def answer(principal: Principal, source: Source, parameters: Mapping[str, str]) -> str:
    """The page as JSON. Raises AccessDenied, UnsupportedParameter, InvalidInput or Unavailable, each recorded."""
    try:
        page = _search(principal, parameters)
    except PhivaultError as error:
        _record(principal, source, error)
        raise
    _record(principal, source)
    return json.dumps({"events": [_shown(found) for found in page.found], "cursor": page.cursor})


def _search(principal: Principal, parameters: Mapping[str, str]) -> Page:
    if not bootstrap.decider().permits(principal, "audit:search"):
        raise AccessDenied("This role may not read the audit log")
    if set(parameters) - set(PARAMETERS):
        raise UnsupportedParameter("Supported: " + ", ".join(PARAMETERS))
    limit = parameters.get("limit", "50")
    if not re.fullmatch("[0-9]{1,3}", limit):
        raise InvalidInput("limit is not a number")
    filters: dict[str, Any] = {name: parameters[name] for name in FILTERS if name in parameters}
    return search(bootstrap.audit_index(), principal.tenant, limit=int(limit), **filters)


def _record(principal: Principal, source: Source, error: PhivaultError | None = None) -> None:
    trace = Trace(Action.AUDIT_SEARCH, source, time.time(), error=error)
    bootstrap.recorder().append([of_principal(trace, principal, resource="AuditEvent")])


def _shown(found: Found) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(encode(found.entry))
    return line | {"object": found.object_key, "position": found.position}
