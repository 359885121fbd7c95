"""The resource types that are served: one row each, no code per type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from phivault.errors import NotFound

if TYPE_CHECKING:
    from fhir_core.fhirabstractmodel import FHIRAbstractModel


MAX_BODY = 1 << 20
"""Bytes of JSON that a resource may have, Binary apart."""
MAX_CONTENT = 3 << 20
"""Bytes that a Binary holds. In base64 they are within the 6 MB that a Lambda function may be given and answer."""
MAX_BINARY = MAX_CONTENT * 4 // 3 + 4096
"""Bytes of JSON that a Binary may have: its content in base64, and room for what stands beside it."""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """``patient_element`` is the element that refers to the patient whom the resource is about, None where it is
    about nobody. ``own_subject``: a person of their own, sealed under their own key. ``max_body`` is how many bytes its
    JSON may have."""

    name: str
    patient_element: str | None = None
    own_subject: bool = False
    max_body: int = MAX_BODY


_ROWS = (
    ResourceType("AllergyIntolerance", "patient"),
    ResourceType("Binary", "securityContext", max_body=MAX_BINARY),
    ResourceType("CareTeam", "subject"),
    ResourceType("Condition", "subject"),
    ResourceType("Consent", "patient"),
    ResourceType("DiagnosticReport", "subject"),
    ResourceType("DocumentReference", "subject"),
    ResourceType("Encounter", "subject"),
    ResourceType("Immunization", "patient"),
    ResourceType("Location"),
    ResourceType("MedicationRequest", "subject"),
    ResourceType("Observation", "subject"),
    ResourceType("Organization"),
    ResourceType("Patient", own_subject=True),
    ResourceType("Practitioner"),
    ResourceType("PractitionerRole"),
    ResourceType("Procedure", "subject"),
    ResourceType("QuestionnaireResponse", "subject"),
    ResourceType("RelatedPerson", "patient", own_subject=True),
    ResourceType("ServiceRequest", "subject"),
)
TYPES: Mapping[str, ResourceType] = MappingProxyType({row.name: row for row in _ROWS})
CONTAINED_ONLY = frozenset({"Device", "Medication", "Specimen"})
"""Types that have no endpoint but may stand inside another resource."""
NEVER_CONTAINED = frozenset({"Binary", "Consent"})
"""Types that say nothing inside another resource: nobody may believe that such a Consent holds. A Binary stands alone:
its limit is its own."""


def known(name: str) -> str:
    """The type's name. Raises NotFound for a type that isn't served, without repeating what was asked for."""
    if name not in TYPES:
        raise NotFound("No such resource type is served")
    return name


def is_about_patients(type: str) -> bool:
    return type == "Patient" or TYPES[type].patient_element is not None


@cache
def model(name: str) -> type[FHIRAbstractModel]:
    """The R4B model of a served or contained type, imported at its first use (about 0.1 s)."""
    if name not in TYPES and name not in CONTAINED_ONLY:
        raise NotFound("No such resource type is served")
    found: type[FHIRAbstractModel] = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    return found
