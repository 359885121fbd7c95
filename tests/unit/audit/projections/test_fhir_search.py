"""FHIR's words find what the index holds, page by page; anything else is refused by name."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.event import Action
from phivault.audit.projections.fhir_search import PARAMETERS, bundle, parse, search
from phivault.errors import InvalidInput, UnsupportedParameter
from tests.support.audit import an_event
from tests.support.event_rows import MemoryRows

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
BASE = "https://api.example/v1/fhir"


def at(hours: float) -> str:
    return (NOW - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


EVENTS = [
    an_event(timestamp=at(1), action=Action.READ, patient="p1", user_id="u1"),
    an_event(timestamp=at(2), action=Action.UPDATE, patient="p1", user_id="u2"),
    an_event(timestamp=at(3), action=Action.READ, patient="p2", user_id="u1", success=False, error="denied"),
    an_event(timestamp=at(26), action=Action.SIGN_IN, patient="", user_id="u1", success=False, error="unavailable"),
    an_event(timestamp=at(27), action=Action.SEARCH, patient="p1", user_id="u1"),
    an_event(timestamp=at(1), action=Action.READ, patient="p1", user_id="u1", tenant="south"),
]


def found(*parameters: tuple[str, str]) -> list[int]:
    page = search(MemoryRows(EVENTS), "north", parse(parameters), now=NOW)
    ids = [event.id for event in EVENTS]
    return [ids.index(each.entry.event.id) for each in page.found]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([], [0, 1, 2, 3, 4]),
        ([("patient", "p1")], [0, 1, 4]),
        ([("patient", "Patient/p1"), ("action", "R")], [0]),
        ([("agent", "u1")], [0, 2, 3, 4]),
        ([("agent", "urn:phivault:user|u2")], [1]),
        ([("action", "R,U")], [0, 1, 2]),
        ([("outcome", "4")], [2]),
        ([("outcome", "4,8")], [2, 3]),
        ([("type", "rest")], [0, 1, 2, 4]),
        ([("type", "http://dicom.nema.org/resources/ontology/DCM|110114")], [3]),
        ([("type", "http://example.org|110114")], []),
        ([("subtype", "urn:phivault:action|fhir.update")], [1]),
        ([("subtype", "read,search-type")], [0, 2, 4]),
        ([("date", "2026-03-03")], [3, 4]),
        ([("date", "ge2026-03-04")], [0, 1, 2]),
        ([("date", "gt2026-03-03")], [0, 1, 2]),
        ([("date", "lt2026-03-04")], [3, 4]),
        ([("date", "le2026-03-04")], [0, 1, 2, 3, 4]),
        ([("date", "ge2026-03-04T09:30:00Z"), ("date", "lt2026-03-04T11:00:00Z")], [1]),
        ([("date", "2026-03-04T12:00:00.000+01:00")], [0]),
        ([("date", "2026-03-04T11:00:00Z")], [0]),
        ([("_format", "json")], [0, 1, 2, 3, 4]),
    ],
)
def test_filters(parameters: list[tuple[str, str]], expected: list[int]) -> None:
    assert found(*parameters) == expected


def test_pages_by_their_next_links_neither_repeat_nor_skip() -> None:
    rows, seen = MemoryRows(EVENTS), []
    parameters = [("_count", "2"), ("date", "ge2026-03-01"), ("date", "le2026-03-04")]
    while True:
        asked = parse(parameters)
        shown: dict[str, Any] = bundle(search(rows, "north", asked, now=NOW), asked, BASE)
        Bundle.model_validate(shown)
        seen += [entry["resource"]["id"] for entry in shown.get("entry", [])]
        links = {link["relation"]: link["url"] for link in shown["link"]}
        if "next" not in links:
            break
        assert links["next"].startswith(BASE + "/AuditEvent?")
        parameters = parse_qsl(urlsplit(links["next"]).query)
        assert sorted(name for name, _ in parameters) == ["_count", "_cursor", "date", "date"]
    assert seen == [event.id for event in EVENTS[:5]]


@pytest.mark.parametrize("name", ["entity", "agent-name", "patient.name", "site", "_include", "_sort", "date:missing"])
def test_what_is_not_supported_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        parse([(name, "Zebra")])
    assert name.partition(":")[0].partition(".")[0] in refused.value.detail
    assert "Zebra" not in refused.value.detail


def test_an_unknown_parameter_is_not_repeated_in_the_error() -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        parse([("Zebra", "1")])
    assert "Zebra" not in refused.value.detail


@pytest.mark.parametrize("name", ["Zebra", "site"])
def test_a_refusal_names_all_that_is_supported(name: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        parse([(name, "1")])
    named = refused.value.detail.partition(": use ")[2].split(", ")
    assert {*named, "_cursor"} == set(PARAMETERS)


def test_a_format_that_is_not_ours_is_refused_as_such() -> None:
    with pytest.raises(UnsupportedParameter, match=r"_format .* json"):
        parse([("_format", "xml")])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_count", "0"),
        ("_count", "201"),
        ("_count", "٣"),
        ("action", "X"),
        ("action", ""),
        ("action", "Zebra"),
        ("outcome", "1"),
        ("type", ""),
        ("type", "rest,"),
        ("date", "yesterday"),
        ("date", "2026-02-30"),
        ("date", "2026-03-04T12:00:00"),
        ("date", "ap2026-03-04"),
        ("date", "9999-12-31"),
        ("patient", "Group/1"),
        ("patient", "a b"),
        ("agent", "Practitioner/1"),
        ("_format", "xml"),
    ],
)
def test_values_that_mean_nothing_are_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse([(name, value)])
    assert len(value) < 3 or value not in refused.value.detail


def test_repetition_is_refused_except_for_a_period() -> None:
    with pytest.raises(InvalidInput):
        parse([("patient", "p1"), ("patient", "p2")])
    with pytest.raises(InvalidInput):
        parse([("date", "ge2026-03-01")] * 3)


@given(st.lists(st.tuples(st.sampled_from(PARAMETERS), st.text(max_size=30)), max_size=4))
def test_no_value_yields_anything_but_a_page_or_our_errors(parameters: list[tuple[str, str]]) -> None:
    with suppress(InvalidInput):
        search(MemoryRows(), "north", parse(parameters), now=NOW)
