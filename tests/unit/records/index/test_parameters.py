from __future__ import annotations

import re
from pathlib import Path

import pytest

from phivault.phi.catalogue import classify, elements
from phivault.phi.data_class import DataClass
from phivault.records.index.parameters import fields, names, parameters
from phivault.records.types import TYPES, model

ALL = [each for type in TYPES for each in parameters(type).values()]


def test_every_type_about_a_patient_is_found_by_its_patient() -> None:
    assert parameters("Binary") == {}
    for type, row in TYPES.items():
        if type == "Binary":
            continue  # found by its id alone
        if row.patient_element is None:
            assert not {"patient", "subject"} & parameters(type).keys()
            continue
        assert parameters(type)["patient"].paths == (row.patient_element,)
        assert ("subject" in parameters(type)) is (row.patient_element == "subject")


@pytest.mark.parametrize("parameter", ALL, ids=lambda each: f"{each.type}.{each.name}")
def test_each_path_is_one_of_the_type(parameter: object) -> None:
    for path in parameter.paths:  # type: ignore[attr-defined]
        fields_of = model(parameter.type).model_fields  # type: ignore[attr-defined]
        aliases = {field.alias or name for name, field in fields_of.items()}
        assert path.partition(".")[0] in aliases
        assert path.partition(".")[0] in elements(parameter.type)  # type: ignore[attr-defined]


def test_what_tells_about_a_person_is_phi() -> None:
    assert not any(each.is_phi for each in ALL if each.name in ("patient", "subject"))
    for each in ALL:
        if each.name not in ("patient", "subject"):
            kinds = {classify(each.type, element) for element in each.elements}
            assert each.is_phi or kinds == {DataClass.ADMINISTRATIVE}
    assert {f"{each.type}.{each.name}" for each in ALL if not each.is_phi and each.kind != "reference"} == {
        *(f"{type}.status" for type in TYPES if "status" in parameters(type)),
        "Consent.category",
        "Consent.scope",
        "Encounter.class",
        "Location.name",
        "Location.type",
        "Organization.name",
        "Organization.type",
        "PractitionerRole.role",
        "PractitionerRole.specialty",
    }


def test_no_date_of_a_patients_travels_in_an_address() -> None:
    assert all(each.is_phi for each in ALL if each.kind == "date")


def test_fields_are_shared_where_the_same_is_read_alike() -> None:
    observation = parameters("Observation")
    assert observation["patient"].fields == observation["subject"].fields
    patient = parameters("Patient")
    assert set(patient["name"].fields) > {*patient["family"].fields, *patient["given"].fields}
    assert {field.name for field in patient["phone"].fields}.isdisjoint(field.name for field in patient["email"].fields)
    assert len({field.name for field in fields("Patient")}) == len(fields("Patient"))


def test_a_type_that_is_not_served_has_none() -> None:
    assert parameters("Device") == {}
    assert fields("Device") == {}
    assert {each.name for each in ALL} == names()


def test_a_capability_statement_calls_them_as_fhir_does() -> None:
    assert {each.search_type for each in ALL} == {"date", "reference", "string", "token"}


def test_the_document_lists_every_parameter() -> None:
    text = (Path(__file__).parents[4] / "docs" / "search-index.md").read_text()
    listed = {
        (type, name)
        for type, row in re.findall(r"^\| (\w+) \| (.+) \|$", text, re.MULTILINE)
        for name in re.findall(r"`([a-z-]+)`", row)
        if type in TYPES
    }
    assert listed == {(each.type, each.name) for each in ALL}
