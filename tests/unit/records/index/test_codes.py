from __future__ import annotations

from typing import Any

import pytest

from phivault.errors import InvalidInput
from phivault.records.index import codes
from phivault.records.index.criterion import criterion
from phivault.records.index.key import IndexKey
from phivault.records.index.tokens import tokens
from phivault.records.json_members import encode

LOINC = "http://loinc.org"
MRN = "urn:oid:2.16.840.1.113883.19.5"
KEY = IndexKey(bytes(32))
GLUCOSE = {"coding": [{"system": LOINC, "code": "2339-0"}, {"code": "GLU"}], "text": "Glucose"}


def matches(type: str, name: str, text: str, element: str, value: Any) -> bool:
    """Whether it fits; what fits has to be a candidate too."""
    members = {element: encode(value)}
    asked = criterion(type, name, [text])
    fits = asked.matches(members)
    assert not fits or tokens(KEY, type, members).intersection(asked.groups(KEY))
    return fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("2339-0", True),
        (f"{LOINC}|2339-0", True),
        (f"{LOINC}|2339-1", False),
        ("http://snomed.info/sct|2339-0", False),
        ("|2339-0", False),
        ("|GLU", True),
        ("glu", True),
        (f"{LOINC}|GLU", False),
        ("Glucose", False),
    ],
)
def test_a_code_is_found_with_or_without_its_system(text: str, fits: bool) -> None:
    assert matches("Observation", "code", text, "code", GLUCOSE) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("MR-1", True),
        (f"{MRN}|MR-1", True),
        ("mr-1", True),
        ("|MR-1", False),
        (f"{MRN}|MR-2", False),
        ("x|MR-1", False),
    ],
)
def test_an_identifier_too(text: str, fits: bool) -> None:
    held = [{"system": MRN, "value": "MR-1"}, {"system": "urn:other", "value": "MR-2"}]
    assert matches("Patient", "identifier", text, "identifier", held) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("final", True),
        ("FINAL", True),
        ("|final", True),
        ("http://hl7.org/fhir/observation-status|final", True),
        ("http://hl7.org/fhir/request-status|final", False),
        ("amended", False),
    ],
)
def test_a_bare_code_has_the_system_of_its_binding(text: str, fits: bool) -> None:
    assert matches("Observation", "status", text, "status", "final") is fits


def test_a_coding_alone_is_a_code() -> None:
    act = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    assert matches("Encounter", "class", "AMB", "class", act)
    assert not matches("Encounter", "class", "IMP", "class", act)


def test_escapes_keep_their_signs() -> None:
    held = [{"system": "a|b", "value": "1,2|3\\4"}]
    assert matches("Patient", "identifier", r"a\|b|1\,2\|3\\4", "identifier", held)
    assert not matches("Patient", "identifier", r"a|1\,2\|3\\4", "identifier", held)


@pytest.mark.parametrize("text", ["", "|", f"{LOINC}|", " ", "a|b|c"])
def test_a_system_alone_or_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^code is a code, a system\|code, or \|code$"):
        criterion("Observation", "code", [text])


def test_a_document_is_found_by_either_identifier() -> None:
    assert matches("DocumentReference", "identifier", "d-1", "masterIdentifier", {"value": "d-1"})
    assert matches("DocumentReference", "identifier", "d-1", "identifier", [{"value": "d-1"}])


@pytest.mark.parametrize("text", ["p-1", "Patient/p-1"])
@pytest.mark.parametrize("name", ["patient", "subject"])
@pytest.mark.parametrize("held", ["Patient/p-1", "Patient/p-1/_history/3"])
def test_a_reference_is_found_by_id_and_by_type_and_id(text: str, name: str, held: str) -> None:
    assert matches("Observation", name, text, "subject", {"reference": held})
    assert not matches("Observation", name, "Group/p-1", "subject", {"reference": held})
    assert not matches("Observation", name, text, "subject", {"reference": "Patient/p-2"})


@pytest.mark.parametrize(
    "held", [{}, {"display": "Anna"}, {"reference": "#p"}, {"reference": "urn:uuid:x"}, "Patient/p-1"]
)
def test_what_is_no_reference_has_no_token(held: Any) -> None:
    assert tokens(KEY, "Observation", {"subject": encode(held)}) == frozenset()


@pytest.mark.parametrize(
    "text", ["", "/", "Patient/", "patient/p", "https://x.example/Patient/p", "Patient/p/_history/1", "a b"]
)
def test_a_reference_to_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^patient is an id, or a type and an id$"):
        criterion("Observation", "patient", [text])


TELECOM = [
    {"system": "phone", "value": "+1 (202) 555-0143"},
    {"system": "email", "value": "Anna.K@Example.org "},
    {"system": "sms", "value": "+44 20 7946 0018"},
    {"value": "no-system@example.org"},
]


@pytest.mark.parametrize("text", ["2025550143", "+12025550143", "1-202-555-0143", "(202) 555 0143", "٢٠٢٥٥٥٠١٤٣"])
def test_a_phone_number_is_found_however_it_is_written(text: str) -> None:
    assert matches("Patient", "phone", text, "telecom", TELECOM)


@pytest.mark.parametrize("text", ["5550143", "442079460018", "2025550144"])
def test_another_is_not(text: str) -> None:
    assert not matches("Patient", "phone", text, "telecom", TELECOM)


def test_an_address_is_found_in_any_case() -> None:
    assert matches("Patient", "email", "anna.k@example.org", "telecom", TELECOM)
    assert not matches("Patient", "email", "no-system@example.org", "telecom", TELECOM)
    assert not matches("Patient", "email", "anna.k@example.com", "telecom", TELECOM)


@pytest.mark.parametrize(("name", "text", "rule"), [("phone", "none", "holds digits"), ("email", " ", "is an address")])
def test_what_can_be_neither_is_refused(name: str, text: str, rule: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{name} {rule}$"):
        criterion("Patient", name, [text])


def test_digits_of_other_countries_stay() -> None:
    assert codes.digits("+44 20 7946 0018") == "442079460018"
    assert codes.digits("13812345678") == codes.digits("3812345678")
