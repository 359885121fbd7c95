"""What carebundle generates passes; what FHIR R4 forbids is named by place and rule."""

from __future__ import annotations

import json
from collections.abc import Iterator

import carebundle
import pytest

from phivault.errors import InvalidInput, NotFound
from phivault.records.bundle import assign, parse
from phivault.records.fhir_meta import client_members
from phivault.records.findings import InvalidResource
from phivault.records.json_members import join, split
from phivault.records.references import references
from phivault.records.subject import subject_of
from phivault.records.validate import validate

OBSERVATION = {
    "status": "final",
    "code": {"text": "x"},
    "subject": {"reference": "Patient/p1"},
}


def raw(members: object) -> dict[str, bytes]:
    return split(json.dumps(members).encode())


def refusal(resource_type: str, members: object) -> InvalidResource:
    with pytest.raises(InvalidResource) as caught:
        validate(resource_type, raw(members))
    assert caught.value.__context__ is None
    return caught.value


def bundles() -> Iterator[bytes]:
    for seed in (1, 42, 2026):
        for cohort_member in carebundle.generate_cohort(count=2, seed=seed):
            yield carebundle.to_json(cohort_member).encode()
        for profile in carebundle.PROFILES:
            yield carebundle.to_json(carebundle.generate_bundle(profile=profile, seed=seed, sex="M")).encode()


def test_everything_that_carebundle_generates_is_valid_and_has_an_owner() -> None:
    seen = set()
    for body in bundles():
        entries = parse(body)
        placed = assign(entries, iter(f"id-{number}" for number in range(500)).__next__)
        patients = {f"Patient/{item.id}" for item in placed if item.entry.type == "Patient"}
        known = {(item.entry.type, item.id) for item in placed}
        for item in placed:
            members = split(item.resource)
            before = join(members)
            validate(item.entry.type, members)
            kept = client_members(item.entry.type, None, members)
            validate(item.entry.type, kept)
            assert join(members) == before
            assert set(references(kept)) <= known
            assert subject_of(item.entry.type, item.id, kept) in patients | {"Tenant"}
            seen.add(item.entry.type)
    assert {"Patient", "Observation", "MedicationRequest", "AllergyIntolerance"} <= seen


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"gender": "banana"}, "Patient.gender"),
        ({"contact": [{"gender": "Female"}]}, "Patient.contact[0].gender"),
        ({"name": [{}, {"use": "old", "family": "y"}]}, "Patient.name[0]"),
        ({"name": [{"family": "y"}, {"use": "x"}]}, "Patient.name[1].use"),
        ({"name": ['{"family": "y"}']}, "Patient.name[0]"),
        ({"name": {"family": "y"}}, "Patient.name"),
        ({"name": []}, "Patient.name"),
        ({"name": [None]}, "Patient.name[0]"),
        ({"name": None}, "Patient.name"),
        ({"name": [{"given": [None]}]}, "Patient.name[0].given[0]"),
        ({"name": [{"given": [""]}]}, "Patient.name[0].given[0]"),
        ({"name": [{"given": ["a\u0000b"]}]}, "Patient.name[0].given[0]"),
        ({"active": "true"}, "Patient.active"),
        ({"active": 1}, "Patient.active"),
        ({"multipleBirthInteger": "2"}, "Patient.multipleBirthInteger"),
        ({"multipleBirthInteger": 2.0}, "Patient.multipleBirthInteger"),
        ({"multipleBirthInteger": True}, "Patient.multipleBirthInteger"),
        ({"telecom": [{"rank": 0}]}, "Patient.telecom[0].rank"),
        ({"birthDate": 19800101}, "Patient.birthDate"),
        ({"birthDate": "1980-1-1"}, "Patient.birthDate"),
        ({"birthDate": "1980-02-30"}, "Patient.birthDate"),
        ({"birthDate": "1980-01-01T00:00:00Z"}, "Patient.birthDate"),
        ({"birthDate": {}}, "Patient.birthDate"),
        ({"deceasedDateTime": "2020-01-01T10:00:00"}, "Patient.deceasedDateTime"),
        ({"deceasedDateTime": "2020-01-01T24:00:00Z"}, "Patient.deceasedDateTime"),
        ({"deceasedDateTime": "2020", "deceasedBoolean": True}, "Patient"),
        ({"photo": [{"data": "not base64!"}]}, "Patient.photo[0].data"),
        ({"photo": [{"url": "JavaScript:alert(1)"}]}, "Patient.photo[0].url"),
        ({"identifier": [{"system": "a b"}]}, "Patient.identifier[0].system"),
        ({"communication": [{"preferred": True}]}, "Patient.communication[0].language"),
        ({"generalPractitioner": [{"reference": "Location/1"}]}, "Patient.generalPractitioner[0].reference"),
        ({"id": "a_b"}, "Patient.id"),
        ({"id": "a" * 65}, "Patient.id"),
        ({"gender__ext": {"id": "x"}}, "Patient"),
        ({"fhir_comments": "x"}, "Patient"),
        ({"resource_type": "Patient"}, "Patient"),
        ({"name": [{"resourceType": "HumanName", "family": "x"}]}, "Patient.name[0]"),
        ({"contained": [{"resourceType": "Bundle", "id": "b"}]}, "Patient.contained[0]"),
        ({"contained": [{"resourceType": ["Patient"], "id": "b"}]}, "Patient.contained[0]"),
        ({"contained": [{"resourceType": "Patient"}]}, "Patient.contained[0]"),
        ({"contained": [{"resourceType": "Patient", "id": "b", "gender": "x"}]}, "Patient.contained[0].gender"),
    ],
)
def test_refused_with_its_place(members: object, path: str) -> None:
    assert [finding.path for finding in refusal("Patient", members).findings] == [path]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"id": "p1", "birthDate": "1980", "gender": "unknown"},
        {"birthDate": "1980-02"},
        {"_birthDate": {"extension": [{"url": "http://example.org/x", "valueCode": "unknown"}]}},
        {
            "name": [
                {"given": [None, "b"], "_given": [{"extension": [{"url": "http://x.org", "valueString": "y"}]}, None]}
            ]
        },
        {"deceasedDateTime": "2016-12-31T23:59:60Z"},
        {"deceasedDateTime": "2020-01-01T10:00:00.123456+14:00"},
        {"identifier": [{"system": "urn:oid:1.2.3", "value": "urn:uuid:x"}]},
        {
            "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
            "managingOrganization": {"reference": "#o"},
        },
        {"generalPractitioner": [{"reference": "https://other.example/Practitioner/1"}]},
        {"photo": [{"contentType": "image/png", "data": "aGVsbG8="}]},
    ],
)
def test_valid_patients(members: object) -> None:
    validate("Patient", raw(members))


@pytest.mark.parametrize("status", ["corrected", "cancelled", "entered-in-error", "unknown", "final"])
def test_value_sets_that_the_models_cut_short_are_whole(status: str) -> None:
    validate("Observation", raw(OBSERVATION | {"status": status}))


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"status": "+"}, "Observation.status"),
        ({"valueQuantity": {"value": "1.10"}}, "Observation.valueQuantity.value"),
        ({"valueQuantity": {"value": True}}, "Observation.valueQuantity.value"),
        ({"valueQuantity": {"comparator": "="}}, "Observation.valueQuantity.comparator"),
        ({"valueString": "x", "valueInteger": 1}, "Observation"),
        ({"valueTime": "25:00:00"}, "Observation.valueTime"),
        ({"issued": "2020-01-01"}, "Observation.issued"),
        ({"effectiveTiming": {"repeat": {"when": ["XX"]}}}, "Observation.effectiveTiming.repeat.when[0]"),
        ({"code": None}, "Observation.code"),
    ],
)
def test_observations_refused(members: dict[str, object], path: str) -> None:
    assert [finding.path for finding in refusal("Observation", OBSERVATION | members).findings] == [path]


def test_required_elements() -> None:
    paths = {finding.path for finding in refusal("Observation", {"valueInteger": 1}).findings}
    assert "Observation.code" in paths


def test_decimals_keep_their_digits() -> None:
    for digits in (b"1.10", b"1e2", b"-0.0", b"6.02214076e23", b"100"):
        members = raw(OBSERVATION) | {"valueQuantity": b'{"value":' + digits + b"}"}
        validate("Observation", members)
        assert members["valueQuantity"] == b'{"value":' + digits + b"}"


def test_at_most_ten_findings() -> None:
    error = refusal("Patient", {"name": [{"use": "x"}] * 30})
    assert len(error.findings) == 10


def test_the_name_of_an_unknown_element_is_not_repeated() -> None:
    error = refusal("Patient", {"name": [{"JaneDoe1980": "x"}]})
    assert error.detail == "Patient.name[0] has an unknown element"


def test_type_and_id_must_be_those_of_the_url() -> None:
    validate("Patient", raw({"resourceType": "Patient", "id": "a"}), id="a")
    for members, id in (({"resourceType": "Group"}, None), ({"resourceType": 1}, None), ({"id": "b"}, "a")):
        with pytest.raises(InvalidInput):
            validate("Patient", raw(members), id=id)
    with pytest.raises(NotFound):
        validate("Bundle", {})


def test_class_of_an_encounter_is_named_as_in_json() -> None:
    error = refusal("Encounter", {"status": "finished", "subject": {"reference": "Patient/p"}})
    assert [finding.path for finding in error.findings] == ["Encounter.class"]
