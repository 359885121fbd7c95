"""Restrict the processing of a patient's record; it holds for the next request."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from phivault.access.purpose import PurposeOfUse
from phivault.audit.event import Action
from phivault.inputs import Body, rule
from phivault.permissions.call import Call
from phivault.permissions.restriction import Ground, Restriction, about
from phivault.permissions.since import time_of


class Restrict(Body):
    """``purposes``: those that an agreed request is about. Article 18 knows no restriction of some purposes only."""

    ground: Ground
    purposes: Annotated[list[Literal["PAYMENT", "OPERATIONS"]], Field(max_length=2)]

    @model_validator(mode="after")
    def _of_an_agreement_alone(self) -> Self:
        if self.purposes and self.ground is not Ground.AGREED_REQUEST:
            raise rule("takes purposes with the ground of an agreed request alone: any other restricts them all")
        if len(set(self.purposes)) != len(self.purposes):
            raise rule("names a purpose twice")
        return self


def restrict(call: Call, patient: str, asked: Restrict) -> Restriction:
    """Raises AccessDenied, NotFound or Unavailable, each recorded."""
    purposes = tuple(PurposeOfUse(name) for name in sorted(asked.purposes))
    since, by = time_of(call.permissions.now()), call.principal.user_id
    restriction = Restriction(asked.ground, purposes, since, by)
    with call.failure_recorded(Action.RESTRICTION_SET, **about(patient, restriction)):
        call.require("restriction:change")
        call.patient(patient)
        call.record(Action.RESTRICTION_SET, **about(patient, restriction))
        call.permissions.restrictions.put(call.tenant, patient, restriction)
        return restriction
