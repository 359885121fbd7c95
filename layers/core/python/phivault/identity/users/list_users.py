"""List the users of one's tenant, a page at a time, in the order of their ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phivault.audit.event import Action
from phivault.identity.users import inputs
from phivault.identity.users.call import RELEASED, Call
from phivault.identity.users.shown import masked, shown


def list_users(call: Call, parameters: Mapping[str, str]) -> dict[str, Any]:
    """``cursor`` goes on after the last one, None where there are no more; addresses are masked. Raises AccessDenied,
    InvalidInput, UnsupportedParameter or Unavailable, each recorded."""
    with call.failure_recorded(Action.USER_LIST):
        call.require("admin:users")
        after, limit = inputs.page(parameters, inputs.LISTED)
        found = call.identity.directory.users(call.tenant, after=after, limit=limit + 1)
        call.record(Action.USER_LIST, classes=RELEASED)
        page = found[:limit]
        users = [shown(user, masked(email)) for user, email in zip(page, call.addresses(page), strict=True)]
    return {"users": users, "cursor": users[-1]["user_id"] if len(found) > limit else None}
