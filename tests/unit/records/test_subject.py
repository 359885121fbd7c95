from __future__ import annotations

import json

import pytest

from phivault.errors import NotFound, Unprocessable
from phivault.records.subject import patient_of, subject_of
from phivault.records.types import TYPES

TENANT_LEVEL = ["Location", "Organization", "Practitioner", "PractitionerRole"]


def about(row, reference: object) -> dict[str, bytes]:
    return {row.patient_element: json.dumps({"reference": reference}).encode()}


@pytest.mark.parametrize("row", [row for row in TYPES.values() if row.patient_element], ids=lambda row: row.name)
def test_what_is_about_a_patient_belongs_to_them(row) -> None:
    members = about(row, "Patient/p1")
    expected = "RelatedPerson/x" if row.name == "RelatedPerson" else "Patient/p1"
    assert subject_of(row.name, "x", members) == expected
    assert patient_of(row.name, "x", members) == "p1"


@pytest.mark.parametrize("row", [row for row in TYPES.values() if row.patient_element], ids=lambda row: row.name)
@pytest.mark.parametrize(
    "reference",
    [
        "Group/g1",
        "https://other.example/fhir/Patient/p1",
        "urn:uuid:2f1c0e9e-9a43-4d1f-8a39-0d6c3cbe5c60",
        "#p1",
        "Patient/p1/_history/2",
        "Patient/",
        "Patient/a b",
        "Patient/p1\n",
        "Patient?identifier=1",
        7,
        None,
    ],
)
def test_any_other_reference_is_refused(row, reference: object) -> None:
    with pytest.raises(Unprocessable, match="reference to a Patient of this server") as caught:
        subject_of(row.name, "x", about(row, reference))
    assert "p1" not in caught.value.detail


@pytest.mark.parametrize("members", [{}, {"subject": b"null"}, {"subject": b'[{"reference":"Patient/p1"}]'}])
def test_an_observation_without_its_patient_is_refused(members: dict[str, bytes]) -> None:
    with pytest.raises(Unprocessable):
        subject_of("Observation", "x", members)


def test_a_patient_is_their_own_subject() -> None:
    assert subject_of("Patient", "p1", {}) == "Patient/p1"
    assert patient_of("Patient", "p1", {}) == "p1"


@pytest.mark.parametrize("name", TENANT_LEVEL)
def test_what_is_about_nobody_belongs_to_the_tenant(name: str) -> None:
    assert subject_of(name, "x", {}) == "Tenant"
    assert patient_of(name, "x", {}) is None


def test_the_table_is_covered() -> None:
    assert {row.name for row in TYPES.values() if not row.patient_element} == {"Patient", *TENANT_LEVEL}
    with pytest.raises(NotFound):
        subject_of("Bundle", "x", {})
