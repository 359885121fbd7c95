"""Purpose of use: why PHI is asked for (HL7 v3 PurposeOfUse, 45 CFR 164.506)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from phivault.access.roles import Role
from phivault.errors import InvalidInput, PurposeRequired


class PurposeOfUse(StrEnum):
    TREATMENT = "TREATMENT"
    PAYMENT = "PAYMENT"
    OPERATIONS = "OPERATIONS"
    RESEARCH = "RESEARCH"
    PATIENT_REQUEST = "PATIENT_REQUEST"
    EMERGENCY = "EMERGENCY"


DEFAULTS = {
    Role.CLINICIAN: PurposeOfUse.TREATMENT,
    Role.CARE_COORDINATOR: PurposeOfUse.TREATMENT,
    Role.PATIENT: PurposeOfUse.PATIENT_REQUEST,
}


@dataclass(frozen=True, slots=True)
class Purpose:
    """``asserted`` is False when the role's default was taken."""

    of_use: PurposeOfUse
    asserted: bool


def purpose_for(role: Role, header: str | None, tenants_default: str = "") -> Purpose:
    """The purpose from ``X-Purpose-Of-Use``, or the tenant's default for the role, or ours.

    Raises InvalidInput for an unknown code, PurposeRequired where the role has no default.
    """
    if header is not None:
        try:
            return Purpose(PurposeOfUse(header), asserted=True)
        except ValueError:
            raise InvalidInput("X-Purpose-Of-Use is not one of " + ", ".join(PurposeOfUse)) from None
    if tenants_default:
        return Purpose(PurposeOfUse(tenants_default), asserted=False)
    if role not in DEFAULTS:
        raise PurposeRequired("Send X-Purpose-Of-Use: this role has no default purpose")
    return Purpose(DEFAULTS[role], asserted=False)
