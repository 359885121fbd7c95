from __future__ import annotations

import importlib
import tomllib
from importlib.resources import files

import pytest

from phivault.phi.catalogue import IDENTIFIERS, classify, elements, safe_harbor, types
from phivault.phi.data_class import DataClass

DIRECTORY = {"Organization", "Location", "Practitioner", "PractitionerRole"}
TYPES = DIRECTORY | {
    "Binary",
    "Patient",
    "RelatedPerson",
    "Encounter",
    "CareTeam",
    "Condition",
    "AllergyIntolerance",
    "Observation",
    "DiagnosticReport",
    "ServiceRequest",
    "MedicationRequest",
    "Immunization",
    "Procedure",
    "DocumentReference",
    "QuestionnaireResponse",
    "Consent",
}
TABLES = tomllib.loads((files("phivault.phi") / "catalogue.toml").read_text("utf-8"))


def model_elements(resource_type: str) -> set[str]:
    """What fhir.resources knows of a type; ``fhir_comments`` is its own invention."""
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{resource_type.lower()}"), resource_type)
    names = {field.alias or name for name, field in model.model_fields.items()}
    return {name for name in names if not name.startswith("_")} - {"id", "resource_type", "fhir_comments"}


def test_the_types_are_those_of_us_core_that_are_served() -> None:
    assert types() == TYPES


@pytest.mark.parametrize("resource_type", sorted(TYPES))
def test_every_element_of_the_type_is_listed_and_nothing_else(resource_type: str) -> None:
    assert elements(resource_type) == model_elements(resource_type)


@pytest.mark.parametrize("resource_type", sorted(TYPES))
def test_an_element_is_listed_once(resource_type: str) -> None:
    table = TABLES["types"][resource_type]
    names = [name for data_class in DataClass for name in table.get(data_class, ())]
    assert len(names) == len(set(names))
    assert set(table) <= {*DataClass, "safe_harbor", "domain"}


@pytest.mark.parametrize("resource_type", sorted(TYPES))
def test_safe_harbor_speaks_of_elements_that_are_listed(resource_type: str) -> None:
    holders = TABLES["types"][resource_type].get("safe_harbor", {})
    assert set(holders) <= IDENTIFIERS
    assert {name for names in holders.values() for name in names} <= elements(resource_type)


@pytest.mark.parametrize("resource_type", sorted(TYPES))
@pytest.mark.parametrize("element", ["extension", "modifierExtension", "contained", "unheard", "_birthDate", "", "id"])
def test_what_nobody_classified_is_sensitive_and_may_hold_anything(resource_type: str, element: str) -> None:
    assert classify(resource_type, element) is DataClass.SENSITIVE
    assert safe_harbor(resource_type, element) == IDENTIFIERS


@pytest.mark.parametrize("element", ["name", "meta", "status", "id"])
def test_an_unknown_type_is_sensitive_throughout(element: str) -> None:
    assert classify("Unheard", element) is DataClass.SENSITIVE
    assert elements("Unheard") == frozenset()


@pytest.mark.parametrize("resource_type", sorted(TYPES))
def test_the_narrative_is_as_protected_as_all_that_it_may_restate(resource_type: str) -> None:
    expected = DataClass.IDENTIFYING if resource_type in DIRECTORY else DataClass.SENSITIVE
    assert classify(resource_type, "text") is expected


@pytest.mark.parametrize("resource_type", sorted(TYPES))
def test_elements_about_the_resource_itself_are_administrative(resource_type: str) -> None:
    for element in ("meta", "language", "implicitRules"):
        assert classify(resource_type, element) is DataClass.ADMINISTRATIVE


@pytest.mark.parametrize("resource_type", sorted(DIRECTORY))
def test_the_directory_has_no_clinical_element(resource_type: str) -> None:
    classes = {classify(resource_type, name) for name in elements(resource_type)}
    assert DataClass.CLINICAL not in classes


@pytest.mark.parametrize("resource_type", sorted(TYPES - DIRECTORY))
def test_whose_resource_it_is_is_identifying(resource_type: str) -> None:
    for element in {"subject", "patient", "identifier"} & elements(resource_type):
        assert classify(resource_type, element) is DataClass.IDENTIFYING
        assert safe_harbor(resource_type, element) >= {"H", "R"}


@pytest.mark.parametrize("element", ["status", "class", "period", "participant", "location"])
def test_encounters_can_be_organized_without_clinical_data(element: str) -> None:
    assert classify("Encounter", element) is DataClass.ADMINISTRATIVE


@pytest.mark.parametrize(
    ("resource_type", "element", "letters"),
    [
        ("Patient", "name", "A"),
        ("Patient", "address", "B"),
        ("Patient", "birthDate", "C"),
        ("Patient", "telecom", "DEFN"),
        ("Patient", "photo", "NPQ"),
        ("Patient", "gender", ""),
        ("Observation", "device", "M"),
        ("Observation", "code", ""),
        ("Encounter", "account", "J"),
        ("Observation", "meta", "C"),
    ],
)
def test_safe_harbor_identifiers(resource_type: str, element: str, letters: str) -> None:
    assert safe_harbor(resource_type, element) == set(letters)


@pytest.mark.parametrize("resource_type", sorted(TYPES - DIRECTORY))
def test_every_date_is_marked_as_one(resource_type: str) -> None:
    marks = ("DateTime", "Period", "Instant", "Date", "period", "authored", "recorded", "issued", "dateTime")
    for element in elements(resource_type):
        if element.endswith(marks):
            assert "C" in safe_harbor(resource_type, element), element
