"""One grant with its approved versions, and a page of a tenant's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from phivault.audit.event import Action
from phivault.permissions.call import Call
from phivault.permissions.grants.called import RESOURCE, SEE, about, found, shown, shown_version
from phivault.permissions.inputs import page

_LISTED: Final = 50
_SHOWN_VERSIONS: Final = 100
_FILTERS: Final = ("patient", "user")
PARAMETERS: Final = (*_FILTERS, "cursor", "limit")


def show_grant(call: Call, id: str) -> dict[str, Any]:
    """Of its versions the newest hundred. Raises AccessDenied, NotFound or Unavailable, each recorded."""
    with call.failure_recorded(Action.GRANT_LIST, resource=RESOURCE, resource_id=id):
        call.require(SEE)
        grant = found(call, id)
        versions = call.permissions.grants.versions(call.tenant, id, _SHOWN_VERSIONS)
        call.record(Action.GRANT_LIST, **about(grant, grant.holds))
    return shown(grant, call.permissions.now()) | {"versions": [shown_version(one) for one in versions]}


def list_grants(call: Call, parameters: Mapping[str, str]) -> dict[str, Any]:
    """``cursor`` leads to the next page, which may be empty; it is None at the end. Raises AccessDenied,
    UnsupportedParameter, InvalidInput or Unavailable, each recorded."""
    with call.failure_recorded(Action.GRANT_LIST, resource=RESOURCE):
        call.require(SEE)
        filters, after, limit = page(parameters, _FILTERS, _LISTED)
        patient, user_id = filters.get("patient", ""), filters.get("user", "")
        grants, cursor = call.permissions.grants.grants(
            call.tenant, patient=patient, user_id=user_id, after=after, limit=limit
        )
        # An empty patient is none, as everywhere in events.
        for_whom = (f"for:{user_id}",) if user_id else ()
        call.record(Action.GRANT_LIST, resource=RESOURCE, patient=patient, flags=for_whom)
    now = call.permissions.now()
    return {"grants": [shown(grant, now) for grant in grants], "cursor": cursor or None}
