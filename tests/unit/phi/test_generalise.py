from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.phi.catalogue import elements, safe_harbor
from phivault.phi.generalise import REDUCERS, generalise, present
from phivault.phi.places import addresses
from phivault.phi.reduce import period, presence, quantity, year

TODAY = date(2026, 7, 1)
LOINC = {"system": "http://loinc.org", "code": "2951-2"}
MILLIMOLES = {"system": "http://unitsofmeasure.org", "code": "mmol/L"}


def reduced(resource_type: str, **members: Any) -> dict[str, Any]:
    """Members given as Python values, and got as such."""
    raw = {name.rstrip("_"): json.dumps(value).encode() for name, value in members.items()}
    return {name: json.loads(text) for name, text in generalise(resource_type, raw).items()}


def address(**parts: str) -> Any:
    return reduced("Patient", address=[parts]).get("address")


def test_a_patient_becomes_gender_birth_year_and_place() -> None:
    assert reduced(
        "Patient",
        meta={"lastUpdated": "2026-01-02T03:04:05Z"},
        text={"status": "generated", "div": "<div>Anna Example</div>"},
        identifier=[{"system": "http://hospital.example", "value": "MRN-17"}],
        name=[{"family": "Example", "given": ["Anna"]}],
        telecom=[{"system": "phone", "value": "555-0100"}],
        gender="female",
        birthDate="1960-03-30",
        deceasedDateTime="2024-05-06T07:08:09Z",
        address=[{"line": ["1 Main St"], "city": "Boston", "state": "MA", "postalCode": "02115-1234", "country": "US"}],
        extension=[{"url": "http://x.example", "valueString": "Anna"}],
        photo=[{"url": "http://x.example/anna.png"}],
    ) == {
        "gender": "female",
        "birthDate": "1960",
        "address": [{"state": "MA", "postalCode": "021", "country": "US"}],
        "deceasedBoolean": True,
    }


@pytest.mark.parametrize(
    ("zip_code", "kept"),
    [("02115", "021"), ("021151234", "021"), ("03601", "000"), ("89301", "000"), ("1234", None), ("02115-12", None),
     ("0211", None), ("John", None), ("٠٢١١٥", None)],
)  # fmt: skip
def test_three_digits_of_a_zip_code_only_where_many_live(zip_code: str, kept: str | None) -> None:
    assert address(state="MA", postalCode=zip_code)[0].get("postalCode") == kept


BY_2000 = "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893"
BY_2010 = "036 059 102 202 203 204 205 369 556 692 753 772 821 823 878 879 884 893"
NOBODY = "000 001 002 003 004 005 090 091 092 093 094 095 096 097 098 099 340 962 963 964 965 966"


def test_the_restricted_prefixes_of_two_censuses_and_where_nobody_is_counted() -> None:
    kept = {f"{n:03}": address(state="MA", postalCode=f"{n:03}01")[0]["postalCode"] for n in range(1000)}
    hidden = {prefix for prefix, shown in kept.items() if shown == "000"}
    assert hidden == {*BY_2000.split(), *BY_2010.split(), *NOBODY.split()}
    assert len(BY_2000.split()) == 17
    assert all(shown in {prefix, "000"} for prefix, shown in kept.items())


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ({"state": "Massachusetts", "country": "usa"}, [{"state": "MA", "country": "US"}]),
        ({"state": "Back Bay", "postalCode": "02115"}, None),
        ({"postalCode": "10115"}, None),
        ({"postalCode": "10115", "state": "Berlin", "country": "DE"}, [{"country": "DE"}]),
        ({"country": "Anna's house"}, None),
        ({"text": "1 Main St", "city": "Boston", "district": "Suffolk"}, None),
        ({"postalCode": "02115", "country": "US"}, [{"postalCode": "021", "country": "US"}]),
    ],
    ids=str,
)
def test_places_smaller_than_a_state_go(parts: dict[str, str], kept: Any) -> None:
    assert address(**parts) == kept


def test_equal_places_appear_once() -> None:
    homes = [{"state": "MA", "line": ["1 Main St"]}, {"state": "MA", "line": ["2 Main St"]}]
    assert reduced("Patient", address=homes)["address"] == [{"state": "MA", "country": "US"}]


def test_an_observation_keeps_what_was_measured_as_it_was_written() -> None:
    text = b'{"value": 1.10, "unit": "mmol per litre", "system": "http://unitsofmeasure.org", "code": "mmol/L"}'
    form = generalise("Observation", {"valueQuantity": text})["valueQuantity"]
    assert form == b'{"value":1.10,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}'


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_digits_stay_as_written(digits: str) -> None:
    text = f'{{"value":{digits},"system":"http://unitsofmeasure.org","code":"mmol/L"}}'.encode()
    assert f'"value":{digits},'.encode() in generalise("Observation", {"valueQuantity": text})["valueQuantity"]


def test_a_concept_keeps_public_codings_and_no_text() -> None:
    local = {"system": "http://hospital.example/codes", "code": "A1", "display": "Anna's sodium"}
    said = {"url": "http://x.example", "valueString": "Anna"}
    extended = LOINC | {"display": "Anna's sodium", "extension": [said], "version": "2"}
    assert reduced("Observation", code={"coding": [extended, local], "text": "Anna's sodium"}) == {
        "code": {"coding": [LOINC]}
    }


@pytest.mark.parametrize(
    "system",
    [
        None,
        "",
        "urn:oid:2.16.840.1.113883.4.1",
        "http://hl7.org/fhir/sid/us-ssn",
        "http://hl7.org/fhir/sid/us-mbi",
        "http://loinc.org.evil.example",
        "http://terminology.hl7.org/CodeSystem/Anna Example",
        17,
    ],
)
def test_a_coding_of_another_system_goes(system: Any) -> None:
    assert reduced("Observation", code={"coding": [{"system": system, "code": "123-45-6789"}]}) == {}


@pytest.mark.parametrize("code", ["", "Anna Example", "2951-2\nAnna", "Ä", "1" * 101, 17, None])
def test_a_coding_without_a_proper_code_goes(code: Any) -> None:
    assert reduced("Observation", code={"coding": [LOINC | {"code": code}]}) == {}


def test_components_are_reduced_likewise() -> None:
    pressure = {"code": {"coding": [LOINC], "text": "x"}, "valueQuantity": {"value": 120} | MILLIMOLES}
    said = {"code": {"coding": [LOINC]}, "valueString": "Anna said so"}
    assert reduced("Observation", component=[pressure, said, {"valueString": "Anna"}, "Anna"])["component"] == [
        {"code": {"coding": [LOINC]}, "valueQuantity": {"value": 120, "unit": "mmol/L"} | MILLIMOLES},
        {"code": {"coding": [LOINC]}},
    ]


@pytest.mark.parametrize(
    ("value", "unit", "kept"),
    [(89, "a", True), (90, "a", False), (89.5, "a", False), (1080, "mo", False), (5000, "wk", False),
     (40000, "d", False), (141, "mmol/L", True), (10**30, "a", False), (30, "d", True)],
)  # fmt: skip
def test_no_age_over_89(value: float, unit: str, kept: bool) -> None:
    form = reduced("Observation", valueQuantity={"value": value, "system": MILLIMOLES["system"], "code": unit})
    assert bool(form) is kept


@pytest.mark.parametrize("number", [b"1e99999999999999999999999", b"9" * 33, b"NaN", b"Infinity", b'"90"', b"true"])
def test_odd_numbers_go(number: bytes) -> None:
    text = b'{"value":' + number + b',"system":"http://unitsofmeasure.org","code":"a"}'
    assert generalise("Observation", {"valueQuantity": text}) == {}


@pytest.mark.parametrize("status", ["Anna Example", "FINAL", "", 17, None, ["final"], {"final": 1}])
def test_a_status_that_is_no_code_goes(status: Any) -> None:
    assert reduced("Observation", status=status) == {}


@pytest.mark.parametrize(
    ("value", "kept"),
    [("2024-05-06T07:08:09+02:00", "2024"), ("2024-05", "2024"), ("2024", "2024"), ("20240506", None),
     ("May 2024", None), ("2024 was hard for Anna", None), (2024, None)],
)  # fmt: skip
def test_a_date_becomes_its_year(value: Any, kept: str | None) -> None:
    assert reduced("Condition", onsetDateTime=value).get("onsetDateTime") == kept


def test_a_period_becomes_its_years() -> None:
    times = {"start": "2026-01-01T09:00:00Z", "end": "2026-01-01T09:30:00Z", "extension": [{"url": "x"}]}
    assert reduced("Encounter", period=times)["period"] == {"start": "2026", "end": "2026"}


@pytest.mark.parametrize("resource_type", sorted(REDUCERS))
def test_only_elements_of_the_type_are_reduced(resource_type: str) -> None:
    assert REDUCERS[resource_type].keys() <= elements(resource_type)


@pytest.mark.parametrize("resource_type", sorted(REDUCERS))
def test_an_element_that_may_hold_an_identifier_passes_only_a_reducer_made_for_it(resource_type: str) -> None:
    made_for = {"B": {addresses}, "C": {year, period, presence, quantity}}
    for name, reducer in REDUCERS[resource_type].items():
        for letter in safe_harbor(resource_type, name):
            if name != "component":  # made of the same reducers; see the test of components
                assert reducer in made_for.get(letter, ()), (name, letter)


def test_an_unknown_type_has_no_deidentified_form() -> None:
    assert reduced("Consent", status="active") == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
members = st.dictionaries(
    st.sampled_from(sorted({name for rules in REDUCERS.values() for name in rules})),
    st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()),
)


@given(st.sampled_from(sorted(REDUCERS)), members)
def test_odd_input_never_raises_and_gives_json(resource_type: str, raw: dict[str, bytes]) -> None:
    shown = present(generalise(resource_type, raw), TODAY)
    assert all(json.loads(text) is not None for text in shown.values())
    present(raw, TODAY)


SECRET = "Anna-Example-555-0100"


@st.composite
def salted(draw: st.DrawFn) -> Any:
    """FHIR-like values with a secret where senders may write what they like."""
    coding = {"system": "http://loinc.org", "code": "1-1", "userSelected": SECRET, "version": SECRET, "id": SECRET}
    concept = {"coding": [coding], "text": SECRET, "extension": [{"valueString": SECRET}]}
    amount = MILLIMOLES | {"value": 1, "unit": SECRET, "comparator": SECRET}
    span = {"start": f"2024-{SECRET}", "end": SECRET}
    home = {"state": SECRET, "country": SECRET, "postalCode": SECRET, "line": [SECRET], "city": SECRET}
    part = {"code": concept, "valueQuantity": amount, "valueString": SECRET, "interpretation": [concept]}
    shapes = [SECRET, coding, concept, amount, span, home, part, {"reference": f"Patient/{SECRET}", "display": SECRET}]
    shape = draw(st.sampled_from(shapes))
    return [shape] if draw(st.booleans()) else shape


@given(st.sampled_from(sorted(REDUCERS)), st.data())
def test_free_text_has_no_way_through(resource_type: str, data: st.DataObject) -> None:
    raw = {name: json.dumps(data.draw(salted())).encode() for name in elements(resource_type)}
    assert SECRET.encode() not in b"".join(generalise(resource_type, raw).values())


@pytest.mark.parametrize(("born", "shown"), [("1937", True), ("1936", False), ("1900", False), ("2026", True)])
def test_a_birth_year_that_tells_an_age_over_89_is_masked_on_the_day_of_reading(born: str, shown: bool) -> None:
    form = generalise("Patient", {"birthDate": json.dumps(f"{born}-12-31").encode(), "gender": b'"male"'})
    assert json.loads(form["birthDate"]) == born
    read = {name: json.loads(text) for name, text in present(form, TODAY).items()}
    assert read["gender"] == "male"
    if shown:
        assert read["birthDate"] == born
        assert "_birthDate" not in read
    else:
        assert "birthDate" not in read
        assert read["_birthDate"]["extension"][0]["valueCode"] == "masked"


def test_time_alone_masks_a_birth_year() -> None:
    form = {"birthDate": b'"1937"'}
    assert "birthDate" in present(form, date(2026, 12, 31))
    assert "birthDate" not in present(form, date(2027, 1, 1))


def test_any_year_of_90_years_ago_tells_an_age() -> None:
    form = {"onsetDateTime": b'"1931"', "recordedDate": b'"2020"', "period": b'{"start":"1930","end":"2020"}'}
    assert present(form, TODAY) == {"recordedDate": b'"2020"', "period": b'{"end":"2020"}'}


def test_what_is_shown_is_what_was_sealed() -> None:
    raw = {"valueQuantity": b'{"value":1.10,"system":"http://unitsofmeasure.org","code":"mmol/L"}'}
    form = generalise("Observation", raw)
    assert present(form, TODAY) == form
