"""Lift a restriction of processing. Whoever obtained it is told before: Regulation (EU) 2016/679, article 18(3)."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.errors import NotFound
from phivault.permissions.call import Call
from phivault.permissions.restriction import about


def lift_restriction(call: Call, patient: str) -> None:
    """Raises AccessDenied, NotFound or Unavailable, each recorded."""
    with call.failure_recorded(Action.RESTRICTION_LIFT, **about(patient)):
        call.require("restriction:change")
        call.patient(patient)
        standing = call.permissions.restrictions.restriction(call.tenant, patient)
        if standing is None:
            raise NotFound("Nothing is restricted")
        call.record(Action.RESTRICTION_LIFT, **about(patient, standing))
        call.permissions.restrictions.lift(call.tenant, patient)
