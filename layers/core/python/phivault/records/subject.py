"""Whose a resource is: the subject that owns its key, and the patient through whom it is reached."""

from __future__ import annotations

import re
from collections.abc import Mapping

from phivault.errors import Unprocessable
from phivault.records.json_members import parse
from phivault.records.types import TYPES, known

TENANT = "Tenant"
_PATIENT = re.compile(r"Patient/([A-Za-z0-9\-.]{1,64})")


def subject_of(resource_type: str, id: str, members: Mapping[str, bytes]) -> str:
    """``Patient/<id>`` for a patient and all that is about one, ``RelatedPerson/<id>``, or ``Tenant``.

    Raises Unprocessable where a resource that must be about a patient doesn't refer to one of this server: what
    has no owner could not be erased with anybody. NotFound for a type that isn't served.
    """
    row = TYPES[known(resource_type)]
    if row.own_subject:
        patient_of(resource_type, id, members)
        return f"{resource_type}/{id}"
    patient = patient_of(resource_type, id, members)
    return TENANT if patient is None else f"Patient/{patient}"


def patient_of(resource_type: str, id: str, members: Mapping[str, bytes]) -> str | None:
    """The bare id of the patient that the resource is about, None for what is about nobody. Raises as above."""
    if resource_type == "Patient":
        return id
    element = TYPES[known(resource_type)].patient_element
    if element is None:
        return None
    value = parse(members[element]) if element in members else None
    reference = value.get("reference") if isinstance(value, dict) else None
    match = _PATIENT.fullmatch(reference) if isinstance(reference, str) else None
    if match is None:
        raise Unprocessable(f"{resource_type}.{element} must be a reference to a Patient of this server: Patient/<id>")
    return match[1]
