"""Codes and labels of the sensitive subjects."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from phivault.phi.raw_json import parse
from phivault.phi.sensitivity import is_panel, is_sensitive, says_sensitive

TERMS = tomllib.loads((files("phivault.phi") / "sensitivity.toml").read_text("utf-8"))
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def says(value: Any) -> bool:
    return says_sensitive(parse(json.dumps(value).encode()))


@pytest.mark.parametrize(
    "code",
    ["F32.9", "F329", "f32.9", " F32.9 ", "F01.50", "F99", "F10.20", "B20", "B24", "Z21", "O00.101", "O9A.2", "Z30.9",
     "Z33.1", "Z3A.08", "Z39", "R45.851", "X71.0XXA", "N97.9", "K70.30", "T40.1X1A"],
)  # fmt: skip
def test_icd_by_prefix_with_or_without_the_point(code: str) -> None:
    assert is_sensitive(ICD10, code)


@pytest.mark.parametrize("code", ["E11.9", "I10", "G30.9", "B19", "B25", "Z29", "Z40", "N95.1", "X70", "X84", "F", ""])
def test_what_lies_beside_the_ranges_is_not(code: str) -> None:
    assert not is_sensitive(ICD10, code)


@pytest.mark.parametrize(
    "system",
    [SNOMED, "https://snomed.info/sct", SNOMED + "/731000124108", SNOMED + "|20240301", SNOMED + "/",
     "urn:oid:2.16.840.1.113883.6.96", ""],
)  # fmt: skip
def test_a_system_is_known_by_each_of_its_names_and_missing_it_helps_nobody(system: str) -> None:
    assert is_sensitive(system, "35489007")


def test_a_code_of_another_system_is_another_code() -> None:
    assert not is_sensitive("http://hospital.example/beds", "F32")
    assert not is_sensitive("http://loinc.org", "35489007")


def test_a_postcoordinated_expression_holds_its_concepts() -> None:
    assert is_sensitive(SNOMED, "35489007:246112005=24484000")
    assert not is_sensitive(SNOMED, "44054006:246112005=24484000")


def test_a_drug_is_known_by_its_ingredient() -> None:
    assert is_sensitive(RXNORM, "312938", "sertraline 100 MG Oral Tablet")
    assert is_sensitive("http://hl7.org/fhir/sid/ndc", "0049-4910-66", "Sertraline HCl")
    assert not is_sensitive(RXNORM, "860975", "metformin hydrochloride 500 MG")
    assert not is_sensitive("http://loinc.org", "1-8", "sertraline")


@pytest.mark.parametrize(("system", "code"), [(ACT, "HIV"), (ACT, "PSY"), (ACT, "SUD"), (CONFIDENTIALITY, "R")])
def test_labels(system: str, code: str) -> None:
    assert says({"meta": {"security": [{"system": system, "code": code}]}})


@pytest.mark.parametrize(("system", "code"), [(ACT, "AMB"), (CONFIDENTIALITY, "N")])
def test_labels_of_ordinary_care(system: str, code: str) -> None:
    assert not says({"meta": {"security": [{"system": system, "code": code}]}})


def test_codes_are_found_at_any_depth_and_among_others() -> None:
    coding = {"coding": [{"system": "http://x.example", "code": "1"}, {"system": ICD10, "code": "F20"}]}
    assert says({"component": [{"code": coding}]})
    assert says({"contained": [{"resourceType": "Medication", "code": coding}]})
    assert says({"extension": [{"url": "u", "extension": [{"url": "v", "valueCoding": coding["coding"][1]}]}]})


def test_without_a_system_a_code_counts_only_where_codings_stand() -> None:
    assert says({"code": {"coding": [{"code": "F20.0"}]}})
    assert not says({"valueQuantity": {"code": "F20", "value": 1}})


def test_questions_of_a_panel() -> None:
    assert says({"item": [{"item": [{"linkId": "/44250-9"}]}]})
    assert is_panel("http://loinc.org/q/44249-1|2.0")
    assert not is_panel("http://loinc.org/q/2339-0")
    assert not is_panel(None)


@pytest.mark.parametrize("value", [None, "F20", 1, True, [], {}, {"coding": "F20"}, {"coding": [{"code": 20}]}])
def test_odd_shapes_say_nothing(value: Any) -> None:
    assert not says(value)


def test_deep_and_wide_values_are_walked() -> None:
    deep: Any = {"coding": [{"system": ICD10, "code": "F20"}]}
    for _ in range(500):
        deep = {"extension": [deep]}
    assert says(deep)


def test_no_slip_of_the_pen_in_a_code_of_snomed_ct() -> None:
    wrong = [code for code in TERMS["codes"]["snomed"].split() if verhoeff(code) != 0]
    assert wrong == []


def test_no_slip_of_the_pen_in_a_code_of_loinc() -> None:
    wrong = [code for code in TERMS["codes"]["loinc"].split() if luhn(code.replace("-", "")) != 0]
    assert wrong == []


def verhoeff(digits: str) -> int:
    """The check of the dihedral group of order 10, as tables: SNOMED CT, section 5.5."""
    multiply = [
        [(i + j) % 5 + 5 * (j > 4) if i < 5 else (i - j) % 5 + 5 * (j < 5) for j in range(10)] for i in range(10)
    ]
    permute = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    check = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        for _ in range(place % 8):
            digit = permute[digit]
        check = multiply[check][digit]
    return check


def luhn(digits: str) -> int:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10
