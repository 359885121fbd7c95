"""Identifiers planted wherever a sender can write, in every element of a type with de-identified forms."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.phi.catalogue import elements
from phivault.phi.generalise import REDUCERS, generalise, present

TODAY = date(2026, 7, 1)
PLANTED = {
    "A": "Zyxwvuts-Qwerty",
    "B": "17-Plover-Row-60614",
    "C": "1979-04-06T07:08:09",
    "D": "+12025550143",
    "F": "zq@people.example",
    "G": "219-09-9999",
    "H": "MRN00471129",
    "J": "4929-0012-3456",
    "K": "D1234567",
    "N": "https://people.example/zq",
    "O": "203.0.113.77",
    "R": "8f14e45f-ceea-467a-9d3e-1f8f0b1a2c3d",
}
"""By the paragraph of 45 CFR 164.514(b)(2)(i)."""
PARTS = ("Zyxwvuts", "Qwerty", "Plover", "60614", "04-06", "07:08", "2025550143", "people", "09-9999", "471129", "0012",
         "1234567", "113.77", "467a")  # fmt: skip
SYSTEMS = (
    "http://loinc.org",
    "http://snomed.info/sct",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://hl7.org/fhir/sid/ndc",
    "http://fdasis.nlm.nih.gov",
    "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "http://terminology.hl7.org/CodeSystem/Zyxwvuts",
    "http://unitsofmeasure.org",
)
planted = st.sampled_from(sorted(PLANTED.values()))
texts = planted | planted.map(lambda value: value + " ") | st.tuples(planted, planted).map(" ".join)


def _with(extra: st.SearchStrategy[Any], **members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with these members, each perhaps, and members that nobody knows."""
    beside = {"extension": extra, "id": texts, "text": texts, "display": texts, "note": extra, "_value": extra}
    return st.fixed_dictionaries({}, optional=members | beside)


extensions = st.lists(st.fixed_dictionaries({"url": texts, "valueString": texts}), min_size=1, max_size=2)
references = st.fixed_dictionaries({"reference": texts, "display": texts})
codings = _with(extensions, system=st.sampled_from(SYSTEMS) | texts, code=texts, version=texts)
concepts = _with(extensions, coding=st.lists(codings, min_size=1, max_size=2) | codings | texts)
units = texts | texts.map(lambda value: "{" + value.replace(" ", "") + "}") | st.just("mg/dL{Zyxwvuts}")
quantities = _with(
    extensions,
    value=st.integers(0, 300) | texts,
    unit=texts,
    system=st.just("http://unitsofmeasure.org") | texts,
    code=units,
    comparator=texts,
)
periods = _with(extensions, start=texts, end=texts)
places = _with(
    extensions,
    line=st.lists(texts, min_size=1, max_size=1),
    city=texts,
    district=texts,
    state=texts | st.just("IL"),
    postalCode=texts | st.just("60614"),
    country=texts | st.just("US"),
    period=periods,
)
components = _with(extensions, code=concepts, valueQuantity=quantities, valueString=texts, interpretation=concepts)
shapes = st.one_of(texts, extensions, references, codings, concepts, quantities, periods, places, components)
values = st.recursive(
    shapes,
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize("resource_type", sorted(REDUCERS))
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_no_planted_identifier_survives(resource_type: str, data: st.DataObject) -> None:
    names = sorted(elements(resource_type))
    raw = {name: json.dumps(data.draw(values | values.map(lambda one: [one]))).encode() for name in names}
    shown = b"".join(present(generalise(resource_type, raw), TODAY).values()).decode()
    assert [part for part in PARTS if part in shown] == []


def test_the_plants_would_be_seen() -> None:
    """What the test looks for is in what is planted, so that it can fail."""
    assert all(any(part in value for value in PLANTED.values()) for part in PARTS)


@pytest.mark.parametrize(
    ("value", "code"),
    [(90, "a"), (95, "a_j"), (95, "a{age}"), (95, "{years}"), (95, "{a}"), (1081, "mo"), (4700, "wk"), (33000, "d"),
     (800_000, "h"), (48_000_000, "min"), (2_900_000_000, "s"), (9.5, "10.a"), (95, "a.1"), (95, "/a-1"),
     (0.095, "ka")],
)  # fmt: skip
def test_no_spelling_of_an_age_over_89_passes(value: float, code: str) -> None:
    raw = {"valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": code}}
    assert generalise("Observation", {name: json.dumps(each).encode() for name, each in raw.items()}) in (
        {},
        _plain(value),
    )


def _plain(value: float) -> dict[str, bytes]:
    """``{a}`` says nothing to anybody: a number without a unit."""
    plain = {"value": value, "unit": "1", "system": "http://unitsofmeasure.org", "code": "1"}
    return {"valueQuantity": json.dumps(plain, separators=(",", ":")).encode()}


@pytest.mark.parametrize(
    ("comparator", "passes"), [(">", False), (">=", False), ("<", True), ("<=", True), (None, True)]
)
def test_more_than_89_years_is_an_age_over_89(comparator: str | None, passes: bool) -> None:
    value = {"value": 89, "system": "http://unitsofmeasure.org", "code": "a"} | (
        {"comparator": comparator} if comparator else {}
    )
    assert bool(generalise("Observation", {"valueQuantity": json.dumps(value).encode()})) is passes


@pytest.mark.parametrize(
    "name", ["onsetAge", "abatementAge", "onsetRange", "performedAge", "performedRange", "onsetString"]
)
def test_ages_at_an_event_have_no_form(name: str) -> None:
    raw = {name: json.dumps({"value": 40, "system": "http://unitsofmeasure.org", "code": "a"}).encode()}
    assert [generalise(resource_type, raw) for resource_type in REDUCERS] == [{}] * len(REDUCERS)


@pytest.mark.parametrize(
    ("effective", "age", "shown"), [("2000", 60, True), ("1990", 60, False), ("1990", 50, True), (None, 60, True)]
)
def test_an_age_that_was_measured_long_ago_is_hidden_once_it_tells_one_over_89(
    effective: str | None, age: int, shown: bool
) -> None:
    amount = {"value": age, "system": "http://unitsofmeasure.org", "code": "a"}
    raw: dict[str, Any] = {"valueQuantity": amount, "component": [{"code": _weight(), "valueQuantity": amount}]}
    raw |= {"effectiveDateTime": effective} if effective else {}
    forms = generalise("Observation", {name: json.dumps(value).encode() for name, value in raw.items()})
    seen = present(forms, TODAY)
    assert ("valueQuantity" in seen) is shown
    assert ("valueQuantity" in json.loads(seen["component"])[0]) is shown


def _weight() -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
