"""End a grant at once, or withdraw what waits. Both only narrow, so one person is enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from phivault.audit.event import Action
from phivault.errors import Conflict, InvalidInput
from phivault.inputs import known
from phivault.permissions.call import Call
from phivault.permissions.grants.called import RESOURCE, REVOKE, about, found, record
from phivault.permissions.grants.state import Grant, State

PARAMETERS: Final = ("only",)


def end_grant(call: Call, id: str, parameters: Mapping[str, str]) -> None:
    """Revoke a grant that holds, with a version that waits; withdraw one that was never approved. ``only=waiting``
    withdraws the waiting version and nothing else. Raises AccessDenied, UnsupportedParameter, InvalidInput, NotFound,
    Conflict (nothing there to end) or Unavailable, each recorded."""
    with call.failure_recorded(Action.GRANT_REVOKE, resource=RESOURCE, resource_id=id):
        call.require(REVOKE)
        only_waiting = _only_waiting(parameters)
        grant = found(call, id)
    if only_waiting or grant.state is State.PROPOSED:
        _withdraw(call, grant)
    else:
        _revoke(call, grant)


def _withdraw(call: Call, grant: Grant) -> None:
    now = call.permissions.now()
    with call.failure_recorded(Action.GRANT_WITHDRAW, **about(grant, grant.waiting)):
        if grant.state not in (State.PROPOSED, State.ACTIVE) or grant.waiting_at(now) is None:
            raise Conflict("Nothing of this grant waits")
        record(call, Action.GRANT_WITHDRAW, grant, grant.waiting)
        call.permissions.grants.withdraw(call.tenant, grant, call.principal.user_id, int(now))


def _revoke(call: Call, grant: Grant) -> None:
    now = call.permissions.now()
    with call.failure_recorded(Action.GRANT_REVOKE, **about(grant, grant.holds)):
        if grant.state_at(now) is not State.ACTIVE:
            raise Conflict("This grant doesn't hold any more")
        record(call, Action.GRANT_REVOKE, grant, grant.holds)
        call.permissions.grants.revoke(call.tenant, grant, call.principal.user_id, int(now))


def _only_waiting(parameters: Mapping[str, str]) -> bool:
    known(parameters, PARAMETERS)
    if parameters.get("only", "waiting") != "waiting":
        raise InvalidInput("only: has to be waiting")
    return "only" in parameters
