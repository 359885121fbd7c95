"""The resolver that the rooms beside this file register their verbs on."""

from __future__ import annotations

from typing import Any, Final

from phivault import web
from phivault.audit.event import Action
from phivault.records.operation_outcome import MEDIA_TYPE, outcome

app = web.resolver("records", outcome)
ALL: Final = "/v1/fhir"
RESOURCE: Final = "/v1/fhir/{type}"
INSTANCE: Final = "/v1/fhir/{type}/{id}"


def about(summary: str, action: Action, verb: str, *, body: bool | str = False, **more: Any) -> web.Operation:
    """What a verb on FHIR resources is: needs ``fhir:<verb>``, leaves events of ``action``, may hold PHI.
    ``body`` is whether it has one, FHIR JSON, or another media type."""
    media = MEDIA_TYPE if body is True else body or None
    return web.Operation(summary=summary, permission=f"fhir:{verb}", audit=(action,), phi=True, body=media, **more)
