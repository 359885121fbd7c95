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


@dataclass(frozen=True, slots=True)
class ResourceType:
    """``patient_element`` is the element that refers to the patient whom the resource is about, None where it is
    about nobody. ``own_subject``: a person of their own, sealed under their own key."""

    name: str
    patient_element: str | None = None
    own_subject: bool = False


_ROWS = (
    ResourceType("AllergyIntolerance", "patient"),
    ResourceType("CareTeam", "subject"),
    ResourceType("Condition", "subject"),
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


def known(name: str) -> str:
    """The type's name. Raises NotFound for a type that isn't served, without repeating what was asked for."""
    if name not in TYPES:
        raise NotFound("No such resource type is served")
    return name


@cache
def model(name: str) -> type[FHIRAbstractModel]:
    """The R4B model of a served or contained type, imported at its first use (about 0.1 s)."""
    if name not in TYPES and name not in CONTAINED_ONLY:
        raise NotFound("No such resource type is served")
    found: type[FHIRAbstractModel] = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    return found
