"""The inventory as data: what it says agrees with itself and with the catalogue."""

from __future__ import annotations

import re

import pytest

from phivault.phi import catalogue, inventory
from phivault.phi.catalogue import IDENTIFIERS
from phivault.phi.data_class import DataClass
from phivault.phi.inventory import INPUTS, PHI, Form, Kind
from phivault.records import events
from phivault.records.index.parameters import parameters
from phivault.records.types import TYPES

PLACES = inventory.places()
KEPT = [place for place in PLACES if place.kind not in INPUTS]
TAKEN = [place for place in PLACES if place.kind in INPUTS]
BY_ID = {place.id: place for place in PLACES}


def test_a_place_is_listed_once() -> None:
    assert len(BY_ID) == len(PLACES)


def test_the_classes_that_count_as_phi_are_those_of_a_read() -> None:
    assert PHI == events.PHI


def test_a_place_that_keeps_says_how_and_how_long() -> None:
    for place in KEPT:
        assert place.until, place.id
        assert place.to == (), place.id
        assert place.form is not Form.PASSING, place.id
        assert (place.form is Form.SEALED) == bool(place.sealer), place.id
        assert place.sealer in {"", *inventory.sealers()}, place.id


def test_what_is_no_phi_says_why_and_is_no_identifier() -> None:
    for place in PLACES:
        if place.data_class is None:
            assert place.why, place.id
            assert place.letters == frozenset(), place.id


def test_what_comes_in_goes_to_places_that_there_are() -> None:
    for place in TAKEN:
        assert place.form is Form.PASSING, place.id
        assert set(place.to) <= set(BY_ID), place.id
        assert all(BY_ID[id] in KEPT for id in place.to), place.id


def test_where_it_goes_is_as_protected_or_sealed_or_hashed() -> None:
    """A place in clear that takes PHI is one that says so, with the identifiers that it then holds."""
    for place, target in ((one, BY_ID[id]) for one in TAKEN for id in one.to):
        if target.form is Form.CLEAR:
            assert target.holds_phi or not place.holds_phi, f"{target.id} takes {place.data_class}"
            assert place.letters <= target.letters, f"{target.id} lacks {sorted(place.letters - target.letters)}"


def test_each_place_of_phi_takes_it_from_somewhere() -> None:
    fed = {id for place in PLACES for id in place.to}
    assert [place.id for place in KEPT if place.holds_phi and place.id not in fed] == []


def test_phi_stands_in_clear_at_cognito_with_carriers_and_in_what_was_asked_to_be_opened_alone() -> None:
    clear = {place.id for place in KEPT if place.holds_phi and place.form is Form.CLEAR}
    assert clear == {
        "cognito user email",
        "cognito user phone_number",
        "message email to",
        "message sms to",
        "s3 audit_exports_bucket personal/*.ndjson.zst",
    }


@pytest.mark.parametrize("kind", [Kind.ALERT, Kind.LOG, Kind.GATEWAY_LOG, Kind.SETTING])
def test_alerts_logs_and_settings_hold_no_phi_and_no_identifier(kind: Kind) -> None:
    assert inventory.of_kind(kind)
    for place in inventory.of_kind(kind):
        assert (place.data_class, place.letters) == (None, frozenset()), place.id


def test_the_elements_are_the_catalogues() -> None:
    listed = {(place.group, place.name) for place in inventory.of_kind(Kind.FHIR)} - {("*", "*")}
    assert listed == {(type, name) for type in catalogue.types() for name in catalogue.elements(type)}
    for type, name in listed:
        place = BY_ID[f"fhir {type} {name}"]
        assert (place.data_class, place.letters) == (catalogue.classify(type, name), catalogue.safe_harbor(type, name))


@pytest.mark.parametrize("id", ["fhir Patient _birthDate", "fhir Patient unheard", "fhir Unheard status"])
def test_what_nobody_knows_is_found_as_the_most_protective(id: str) -> None:
    place = inventory.find(id)
    assert place is not None
    assert (place.data_class, place.letters) == (DataClass.SENSITIVE, IDENTIFIERS)


@pytest.mark.parametrize(
    ("actual", "id"),
    [
        ("dynamodb AccessState USER#0b/SESSION#1-2 role", "dynamodb AccessState USER#*/SESSION#* role"),
        ("dynamodb AccessState USER#0b/SESSIONS expires", "dynamodb AccessState USER#*/SESSIONS expires"),
        ("s3 audit_bucket ev/2026/01/01/00/ab/x-1.json", "s3 audit_bucket ev/**"),
        ("query GET /v1/fhir/{type} _count", "query GET /v1/fhir/{type} _count"),
        ("query GET /v1/fhir/{type} family", "query GET /v1/fhir/{type} *"),
        ("fhir Patient name", "fhir Patient name"),
    ],
)
def test_an_actual_place_is_found(actual: str, id: str) -> None:
    assert inventory.find(actual) == BY_ID[id]


@pytest.mark.parametrize(
    "actual",
    ["dynamodb AccessState USER#0b#x/SESSION#1 role", "dynamodb AccessState USER#0b/SESSION#1 roles", "log x y"],
)
def test_what_isnt_listed_is_not_found(actual: str) -> None:
    assert inventory.find(actual) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[log.x]\nuntil = "a day"\nsecret.y = {}', "no class"),
        ('[log.x]\nuntil = "a day"\ncontact.y = {leters = "F"}', "unknown"),
        ('[log.x]\nuntil = "a day"\ncontact.y = {letters = "Z"}', "unknown"),
        ('[lgo.x]\nuntil = "a day"\ncontact.y = {letters = "F"}', "lgo"),
    ],
)
def test_a_slip_in_the_files_is_an_error(
    text: str, told: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "one.toml").write_text(text)
    monkeypatch.setattr(inventory, "files", lambda _: folder)
    monkeypatch.setattr(inventory, "_FILES", ("one.toml",))
    with pytest.raises(ValueError, match=re.escape(told)):
        inventory._load.__wrapped__()


def test_the_document_says_the_same() -> None:
    from tests.unit.phi.inventory_table import DOCUMENT, document

    written = DOCUMENT.read_text("utf-8")
    assert written == document(written), "run: python -m tests.unit.phi.inventory_table"


def test_the_elements_that_are_indexed_are_those_that_parameters_read() -> None:
    listed = {(place.group, place.name) for place in inventory.of_kind(Kind.FHIR) if len(place.to) > 2}
    read = {(type, name) for type in TYPES for each in parameters(type).values() for name in each.elements}
    assert listed == read
