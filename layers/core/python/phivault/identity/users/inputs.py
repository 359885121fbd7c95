"""The bodies and parameters that user administration takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from phivault.access.roles import Role
from phivault.errors import InvalidInput
from phivault.identity.claims import OPAQUE_ID, PATIENT_ID
from phivault.identity.inputs import Email
from phivault.inputs import Body, known, rule, whole_number

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
            raise rule("takes patient_id with the role patient, and with no other")
        return self


class InviteUser(Body):
    """A patient without ``patient_id`` stands for nobody until an administrator links them."""

    email: Email = Field(repr=False)
    role: Role
    patient_id: PatientId | None = None

    @property
    def needs_approval(self) -> bool:
        """Whether it takes two people: whoever is invited would see PHI or decide about access. A patient who isn't
        linked to anybody stands for nobody."""
        return self.role is not Role.PATIENT or self.patient_id is not None

    @property
    def is_grave(self) -> bool:
        """Whether it gives power over users, or opens somebody's record: a security officer is to hear of it."""
        return self.role is Role.TENANT_ADMIN or self.patient_id is not None

    @model_validator(mode="after")
    def _a_patient_for_patients(self) -> Self:
        if self.patient_id is not None and self.role is not Role.PATIENT:
            raise rule("takes patient_id with the role patient alone")
        return self


def page(parameters: Mapping[str, str], most: int) -> tuple[str, int]:
    """The id to go on after, and how many. Raises UnsupportedParameter or InvalidInput."""
    known(parameters, PARAMETERS)
    limit, cursor = whole_number(parameters, "limit", most), parameters.get("cursor", "")
    # A place in the caller's own tenant, whatever it says: the tenant isn't part of it.
    if cursor and not OPAQUE_ID.fullmatch(cursor):
        raise InvalidInput("cursor: has to be one that an earlier page answered")
    return cursor, limit
