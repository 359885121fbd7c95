"""What is asked of the index, about whom: pages over patients about whom a caller may search by different classes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.phi.catalogue import classify
from phivault.phi.data_class import DataClass
from phivault.records import search_ways
from phivault.records.authorise import Authority
from phivault.records.call import Call
from phivault.records.events import Target, Trail
from phivault.records.index.criterion import Criterion, criterion
from phivault.records.index.key import index_key
from phivault.records.index.parameters import parameters
from phivault.records.index.tokens import tokens
from phivault.records.json_members import split
from phivault.records.read import read
from phivault.records.reseal import resealed
from phivault.records.search import search
from phivault.records.search_scopes import Scope, Scopes
from phivault.records.types import TYPES
from tests.support.facts import Given
from tests.support.records_fakes import BASE_URL, World, a_patient

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ALL = Given(frozenset({"administrative", "identifying", "clinical", "sensitive"}))
ADMINISTRATIVE, IDENTIFYING = DataClass.ADMINISTRATIVE, DataClass.IDENTIFYING
CLINICAL, SENSITIVE = DataClass.CLINICAL, DataClass.SENSITIVE
CODE = criterion("DiagnosticReport", "code", [f"{ICD}|F32.9"])
STATUS = criterion("DiagnosticReport", "status", ["final"])
WHOSE = criterion("DiagnosticReport", "patient", ["p"])
PATIENTS = ("all", "all-2", "plain", "plain-2", "stranger")


def a_report(patient: str, code: str) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "subject": {"reference": f"Patient/{patient}"},
        "code": {"coding": [{"system": ICD, "code": code}]},
    }


def pages(world: World, call: Call, **asked: str) -> list[str]:
    """The ids on all pages, in order."""
    found = search(world.records, call, "DiagnosticReport", list(asked.items()), base_url=BASE_URL, posted=True)
    ids: list[str] = []
    while True:
        bundle = json.loads(found.body)
        ids += [entry["resource"]["id"] for entry in bundle.get("entry", [])]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            return ids
        cursor = following[0].partition("_cursor=")[2]
        found = search(world.records, call, "DiagnosticReport", [("_cursor", cursor)], base_url=BASE_URL)


def scopes(world: World, role: Role, *criteria: Criterion, type: str = "DiagnosticReport") -> Scopes:
    """Of a search by someone of this role."""
    trail = Trail(world.records, world.call(role, user_id="someone"), Action.SEARCH, Target(type))
    return Scopes(trail, Authority(trail), type, criteria)


def scope(world: World, patients: tuple[str, ...] | None, *asked: tuple[Criterion, set[DataClass]]) -> Scope:
    """About these patients, by each criterion for elements of these classes."""
    key = index_key(world.records.keys, "north")
    return Scope(patients, tuple(each.groups(key, classes) for each, classes in asked))


def relate(world: World) -> None:
    """Someone to the patients: "all" are seen with the sensitive class, "plain" without it, "stranger" not at all."""
    for patient in ("all", "all-2", "plain", "plain-2"):
        world.facts.plain_members.add(("north", patient, "someone"))
        if patient.startswith("all"):
            world.facts.given["north", patient, "someone"] = [ALL]


def test_of_each_patient_is_asked_what_the_caller_may_search_by(world: World) -> None:
    relate(world)
    asked = scopes(world, Role.CLINICIAN, CODE, STATUS).among(PATIENTS)
    raised = {ADMINISTRATIVE, IDENTIFYING, SENSITIVE}
    assert asked == [
        scope(world, ("all", "all-2"), (CODE, {CLINICAL, SENSITIVE}), (STATUS, raised)),
        scope(world, ("plain", "plain-2"), (CODE, {CLINICAL}), (STATUS, raised - {SENSITIVE})),
    ]


def test_whose_it_is_takes_no_class_and_gives_none(world: World) -> None:
    """Where nothing raised it that part of the index is asked of everybody, and no other is asked for it."""
    relate(world)
    assert scopes(world, Role.CLINICIAN, WHOSE).among(("all", "plain", "stranger")) == [
        scope(world, ("all",), (WHOSE, {IDENTIFYING, SENSITIVE})),
        scope(world, ("plain",), (WHOSE, {IDENTIFYING})),
        scope(world, ("stranger",), (WHOSE, set())),
    ]
    assert scopes(world, Role.CLINICIAN, WHOSE, STATUS).among(("stranger",)) == []


def test_of_everybody_is_asked_what_strangers_may_be_searched_by(world: World) -> None:
    """And of those whom the caller may search by more, that too."""
    relate(world)
    usual = {ADMINISTRATIVE, IDENTIFYING}
    assert scopes(world, Role.CARE_COORDINATOR, STATUS).of_all(PATIENTS) == [
        scope(world, None, (STATUS, usual)),
        scope(world, ("all", "all-2"), (STATUS, {*usual, SENSITIVE})),
    ]
    assert scopes(world, Role.CARE_COORDINATOR, STATUS, CODE).of_all(PATIENTS) == [
        scope(world, ("all", "all-2"), (STATUS, {*usual, SENSITIVE}), (CODE, {CLINICAL, SENSITIVE})),
    ]
    assert scopes(world, Role.CLINICIAN, STATUS).of_all(("stranger",)) == []


def test_relations_are_told_apart_where_they_could_add_a_class(world: World) -> None:
    assert scopes(world, Role.CARE_COORDINATOR, STATUS).tells_relations_apart
    assert scopes(world, Role.CLINICIAN, CODE).tells_relations_apart
    by_name = criterion("Organization", "name", ["north"])
    assert not scopes(world, Role.CLINICIAN, by_name, type="Organization").tells_relations_apart


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.CARE_COORDINATOR])
@pytest.mark.parametrize("sort", ["", "_id", "-_id", "_lastUpdated", "-_lastUpdated"])
@pytest.mark.parametrize("code", [{}, {"status": "final"}])
def test_pages_over_patients_who_are_seen_differently(
    world: World, monkeypatch: pytest.MonkeyPatch, role: Role, sort: str, code: dict[str, str]
) -> None:
    """Every other one is seen with the sensitive class. Nothing is missed, and nothing comes twice."""
    monkeypatch.setattr(search_ways, "PATIENTS", 3)
    call, shown = world.call(role, user_id="someone"), []
    for number in range(8):
        patient = world.make("Patient", a_patient()).id
        place = ("north", patient, "someone")
        world.facts.plain_members.add(place)
        if number % 2:
            world.facts.given[place] = [ALL]
        for kind in ("I10", "F32.9", "I10", "F32.9"):
            world.time += timedelta(seconds=number % 3)
            made = world.make("DiagnosticReport", a_report(patient, kind))
            if kind == "I10" or number % 2:
                shown.append((made.at, made.id, patient))
    asked = code | ({"_sort": sort} if sort else {}) | {"_count": "5"}
    found = pages(world, call, **asked)
    assert sorted(found) == sorted(id for _, id, _ in shown)
    if sort.endswith("_id"):
        assert found == sorted(found, reverse=sort.startswith("-"))
    if sort.endswith("_lastUpdated"):
        expected = [id for _, id, _ in sorted(shown, reverse=sort.startswith("-"))]
        assert found == expected


def test_a_row_from_before_is_found_by_who_may_search_both_classes(world: World, patient: str) -> None:
    """It has its tokens among the others, until it is written or sealed again."""
    made = world.make("DiagnosticReport", a_report(patient, "F32.9")).id
    index = index_key(world.records.keys, "north")
    place = ("north", "DiagnosticReport", made)
    apart = world.store.tokens[place][1]
    members = split(read(world.records, world.call(), "DiagnosticReport", made).body)
    before = tokens(index, "DiagnosticReport", members)
    assert before.isdisjoint(apart)
    assert len(before) == len(apart)
    world.store.tokens[place] = (patient, before)
    assert pages(world, world.call(), code="F32.9") == pages(world, world.call(), patient=patient) == [made]
    again = resealed(world.records.keys, index, "north", world.store.versions[place][-1], 1)
    assert again.tokens == apart


def test_what_is_asked_for_are_the_classes_that_may_be_searched_by(world: World) -> None:
    key = index_key(world.records.keys, "north")
    asked = criterion("Encounter", "status", ["finished"])
    usual, raised = DataClass.ADMINISTRATIVE, {DataClass.IDENTIFYING, DataClass.SENSITIVE}
    apart = [set(asked.groups(key, {each})) for each in (usual, *raised)]
    assert [len(each) for each in apart] == [1, 1, 1]
    assert set().union(*apart) == set(asked.groups(key))
    assert asked.groups(key, {DataClass.CLINICAL, DataClass.CONTACT}) == ()
    whose = criterion("Encounter", "patient", ["p"])
    assert len(whose.groups(key, ())) == 1, "an opaque id"
    assert len(whose.groups(key)) == 2


def test_the_parts_of_a_field_are_named_by_the_class() -> None:
    [field] = parameters("Encounter")["status"].fields
    names = [field.under(each) for each in DataClass]
    assert names[0] == "token:status"
    assert field.under(DataClass.IDENTIFYING) == "token:status#identifying"
    # What only an older catalogue could have said counts as the strictest.
    assert field.under(DataClass.CLINICAL) == field.under(DataClass.SENSITIVE) == "token:status#sensitive"


@pytest.mark.parametrize("type", TYPES)
def test_what_a_parameter_reads_has_one_class(type: str) -> None:
    """So the catalogue's has one part of the field, and each that it is raised to another."""
    for parameter in parameters(type).values():
        assert {classify(type, each) for each in parameter.elements} == {parameter.classes[0]}
        if type in ("Patient", "RelatedPerson", "Practitioner", "Organization"):
            assert DataClass.SENSITIVE not in parameter.classes
