"""The bodies and parameters that user administration takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from phivault.access.roles import Role
from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.identity.claims import OPAQUE_ID, PATIENT_ID
from phivault.identity.inputs import Body, Email

PARAMETERS = ("cursor", "limit")
LISTED = 50
"""Users of a page: each address opened may cost a call of KMS."""

type PatientId = Annotated[str, Field(pattern=f"^{PATIENT_ID.pattern}$")]


class ChangeRole(Body):
    """``patient_id`` is whom a user of role patient stands for; no other role has one."""

    role: Role
    patient_id: PatientId | None = None

    @model_validator(mode="after")
    def _a_patient_for_patients(self) -> Self:
        if (self.role is Role.PATIENT) != (self.patient_id is not None):
            raise PydanticCustomError("patient_id_with_the_role_patient_alone", "no other role has one")
        return self


class InviteUser(Body):
    """A patient without ``patient_id`` stands for nobody until an administrator links them."""

    email: Email = Field(repr=False)
    role: Role
    patient_id: PatientId | None = None

    @property
    def is_grave(self) -> bool:
        """Whether it gives power over users, or opens somebody's record: a security officer is to hear of it."""
        return self.role is Role.TENANT_ADMIN or self.patient_id is not None

    @model_validator(mode="after")
    def _a_patient_for_patients(self) -> Self:
        if self.patient_id is not None and self.role is not Role.PATIENT:
            raise PydanticCustomError("patient_id_with_the_role_patient_alone", "no other role has one")
        return self


def page(parameters: Mapping[str, str], most: int) -> tuple[str, int]:
    """The id to go on after, and how many. Raises UnsupportedParameter or InvalidInput."""
    if set(parameters) - set(PARAMETERS):
        raise UnsupportedParameter("Supported: " + ", ".join(PARAMETERS))
    limit, cursor = parameters.get("limit", str(most)), parameters.get("cursor", "")
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 5 and 0 < int(limit) <= most):
        raise InvalidInput(f"limit: 1 to {most}")
    # A place in the caller's own tenant, whatever it says: the tenant isn't part of it.
    if cursor and not OPAQUE_ID.fullmatch(cursor):
        raise InvalidInput("cursor is not one that an earlier page answered")
    return cursor, int(limit)
