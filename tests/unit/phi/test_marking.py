"""Classes of one resource's members: the catalogue's, raised and never lowered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.phi.catalogue import classify, elements, types
from phivault.phi.data_class import DataClass
from phivault.phi.marking import DIRECTORY, MOST_TEXT, marks, stricter

DEPRESSION = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F32.9"}]}
GLUCOSE = {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]}
LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]}
ORDER = list(DataClass)


def raw(**members: Any) -> dict[str, bytes]:
    return {name.rstrip("_"): json.dumps(value).encode() for name, value in members.items()}


def classes(type: str, members: dict[str, bytes]) -> dict[str, DataClass]:
    return dict(marks(type, members).members)


def of_catalogue(type: str, members: dict[str, bytes]) -> dict[str, DataClass]:
    return {name: classify(type, name) for name in members}


def test_without_anything_to_raise_it_is_the_catalogue() -> None:
    members = raw(status="final", code=GLUCOSE, subject={"reference": "Patient/1"}, note=[{"text": "x"}])
    assert classes("Observation", members) == of_catalogue("Observation", members)
    assert marks("Observation", members).resource is DataClass.ADMINISTRATIVE


@pytest.mark.parametrize(
    "member", [{"code": DEPRESSION}, {"meta": LABEL}, {"extension": [{"valueCodeableConcept": DEPRESSION}]}]
)
def test_a_code_or_label_anywhere_makes_the_whole_sensitive(member: dict[str, Any]) -> None:
    members = raw(clinicalStatus=GLUCOSE, encounter={"reference": "Encounter/1"}, **member)
    found = marks("Condition", members)
    assert set(found.members.values()) == {DataClass.SENSITIVE}
    assert found.members.keys() == members.keys()
    assert found.resource is DataClass.SENSITIVE


@pytest.mark.parametrize("type", ["Patient", "RelatedPerson", *sorted(DIRECTORY)])
def test_persons_and_the_directory_are_no_secret_of_these_subjects(type: str) -> None:
    members = raw(active=True, meta=LABEL)
    assert classes(type, members) == of_catalogue(type, members)


def test_what_a_consent_withholds_does_not_make_it_sensitive_but_its_label_does() -> None:
    provision = {"securityLabel": LABEL["security"], "code": [DEPRESSION]}
    members = raw(status="active", provision=provision)
    assert classes("Consent", members) == of_catalogue("Consent", members)
    assert classes("Consent", members | raw(meta=LABEL))["status"] is DataClass.SENSITIVE


@pytest.mark.parametrize(
    "display",
    ["Home of Mr. Zyxwvuts", "call (617) 555-0143", "17 Plover Road", "SSN 219-09-9999", "since 03/14/2019"],
)
def test_text_of_an_administrative_element_that_holds_an_identifier_is_identifying(display: str) -> None:
    members = raw(status="finished", location=[{"location": {"display": display}}])
    found = classes("Encounter", members)
    assert found == {"status": DataClass.ADMINISTRATIVE, "location": DataClass.IDENTIFYING}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("period", {"start": "2026-01-02T03:04:05Z", "end": "2026-01-03"}),
        ("serviceProvider", {"reference": "Organization/0199b3c2-0000-7000-8000-00000000abcd"}),
        ("meta", {"profile": ["https://example.org/fhir/x"], "source": "https://example.org/feed"}),
        (
            "class_",
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": "ambulatory"},
        ),
        ("location", [{"location": {"display": "Ward 7"}}]),
        ("length", {"value": 60614, "system": "http://unitsofmeasure.org", "code": "min"}),
    ],
)
def test_codes_times_and_uris_are_no_text(name: str, value: Any) -> None:
    (kind,) = classes("Encounter", raw(**{name: value})).values()
    assert kind is DataClass.ADMINISTRATIVE


@pytest.mark.parametrize("type", sorted(DIRECTORY))
def test_the_directory_keeps_names_and_places_administrative(type: str) -> None:
    members = raw(name="Dr. Zyxwvuts, 17 Plover Road")
    assert classes(type, members) == of_catalogue(type, members)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["Dr. Zyx", "final", "F32.9", "HIV", "219-09-9999"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["coding", "code", "system", "display", "text", "security", "linkId"]), inner, max_size=3
    ),
    max_leaves=6,
)  # fmt: skip


@given(st.data())
def test_nothing_is_lowered_for_any_resource(data: st.DataObject) -> None:
    type = data.draw(st.sampled_from(sorted(types())))
    members = raw(**data.draw(st.dictionaries(st.sampled_from(sorted(elements(type))), values, max_size=5)))
    found = marks(type, members)
    assert found.members.keys() == members.keys()
    for name, kind in found.members.items():
        assert ORDER.index(kind) >= ORDER.index(classify(type, name))
    if found.resource is DataClass.SENSITIVE:
        assert set(found.members.values()) <= {DataClass.SENSITIVE}


def test_of_two_classes_the_more_protective() -> None:
    for one in DataClass:
        for other in DataClass:
            assert ORDER.index(stricter(one, other)) == max(ORDER.index(one), ORDER.index(other))


def test_what_is_no_json_keeps_the_catalogue() -> None:
    members = {"status": b"{", "code": b""}
    assert classes("Observation", members) == of_catalogue("Observation", members)


def test_more_text_than_is_looked_through_is_identifying() -> None:
    """Nobody waits for it: a megabyte of numbers and words takes seconds."""
    plain = raw(class_={"display": "x" * MOST_TEXT})
    assert classes("Encounter", plain) == of_catalogue("Encounter", plain)
    assert classes("Encounter", raw(class_={"display": "x" * MOST_TEXT, "system": "y", "userSelected": "z"})) == {
        "class": DataClass.IDENTIFYING
    }
