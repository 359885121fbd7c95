"""All there is about a patient: what the caller may find and read of it, and nothing of anybody else."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import combinations
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import (
    AccessDenied,
    Gone,
    IntegrityError,
    InvalidInput,
    NotFound,
    Unavailable,
    UnsupportedParameter,
)
from phivault.phi.data_class import DataClass
from phivault.records.call import Call
from phivault.records.delete import delete
from phivault.records.everything import DIRECTORY, PATIENTS, everything
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.types import TYPES
from tests.support.facts import Given
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

ABSENT = "0199b3c2-0000-7000-8000-000000000009"
RELATIVE = {
    "resourceType": "RelatedPerson",
    "active": True,
    "name": [{"family": "Qqqvist"}],
}


def page(world: World, id: str, call: Call | None = None, **parameters: str) -> dict[str, Any]:
    found = everything(world.records, call or world.call(), id, parameters, base_url=BASE_URL)
    answer: dict[str, Any] = json.loads(found.body)
    assert (answer["type"], found.count) == ("searchset", len(places(answer)))
    return answer


def places(answer: dict[str, Any], mode: str = "match") -> list[str]:
    entries = [entry for entry in answer.get("entry", []) if entry["search"]["mode"] == mode]
    assert [f"{BASE_URL}/{e['resource']['resourceType']}/{e['resource']['id']}" for e in entries] == [
        entry["fullUrl"] for entry in entries
    ]
    return [entry["fullUrl"].removeprefix(f"{BASE_URL}/") for entry in entries]


def following(answer: dict[str, Any]) -> dict[str, str]:
    urls = [link["url"] for link in answer["link"] if link["relation"] == "next"]
    return dict(parse_qsl(urlsplit(urls[0]).query)) if urls else {}


def place(world: World, resource: dict[str, Any], call: Call | None = None) -> str:
    kind = resource["resourceType"]
    return f"{kind}/{world.make(kind, resource, call).id}"


@pytest.fixture
def full(world: World, patient: str) -> dict[str, str]:
    """Places of what there is about the patient, by a name; "other" and what is theirs are about somebody else."""
    other = world.make("Patient", a_patient()).id
    who = place(world, {"resourceType": "Practitioner", "name": [{"family": "Treater"}]})
    unit = place(world, {"resourceType": "Organization", "name": "Ward"})
    made = {
        "patient": f"Patient/{patient}",
        "observation": place(world, an_observation(patient, performer=[{"reference": who}, {"reference": unit}])),
        "relative": place(world, RELATIVE | {"patient": {"reference": f"Patient/{patient}"}}),
        "other": f"Patient/{other}",
        "their observation": place(world, an_observation(other)),
        "their relative": place(world, RELATIVE | {"patient": {"reference": f"Patient/{other}"}}),
        "who": who,
        "unit": unit,
    }
    world.forget()
    return made


def test_it_holds_what_is_about_the_patient_and_those_it_refers_to(
    world: World, patient: str, full: dict[str, str]
) -> None:
    answer = page(world, patient)
    assert sorted(places(answer)) == sorted(full[name] for name in ("patient", "observation", "relative"))
    assert sorted(places(answer, "include")) == sorted([full["who"], full["unit"]])
    assert "total" not in answer


def test_one_put_records_the_page_and_nothing_is_answered_without_it(
    world: World, patient: str, full: dict[str, str]
) -> None:
    page(world, patient)
    assert world.steps.count("record") == 1
    release, *beside = world.events
    assert (release.action, release.patient, release.resource) == (Action.EVERYTHING, patient, "Patient")
    assert {"clinical", "identifying", "contact"} <= set(release.classes)
    told = {(event.resource, event.patient) for event in beside}
    assert told == {("Organization", ""), ("Practitioner", ""), ("RelatedPerson", patient)}
    world.locked.failures = ["before"]
    with pytest.raises(Unavailable):
        page(world, patient)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_pages_join_without_gap_or_overlap(world: World, patient: str, full: dict[str, str], count: int) -> None:
    answer, found = page(world, patient, _count=str(count)), []
    while True:
        assert len(places(answer)) <= count
        found += places(answer)
        if not (more := following(answer)):
            break
        assert more.keys() == {"_cursor"}
        answer = page(world, patient, **more)
    assert sorted(found) == sorted(full[name] for name in ("patient", "observation", "relative"))
    assert len(found) == len(set(found))


def test_types_and_times_narrow_it_on_every_page(world: World, patient: str, full: dict[str, str]) -> None:
    assert places(page(world, patient, _type="RelatedPerson")) == [full["relative"]]
    first = page(world, patient, _type="RelatedPerson,Observation", _count="1")
    assert places(first) + places(page(world, patient, **following(first))) == [full["observation"], full["relative"]]
    world.time += timedelta(minutes=5)
    later = place(world, an_observation(patient))
    assert places(page(world, patient, _since="2026-03-04T05:10:00Z")) == [later]


def test_patients_get_their_own_and_nobody_elses(world: World, patient: str, full: dict[str, str]) -> None:
    me = world.call(Role.PATIENT, patient_id=patient)
    assert full["observation"] in places(page(world, patient, me))
    with pytest.raises(AccessDenied):
        page(world, full["other"].partition("/")[2], me)


def test_what_a_role_may_not_see_is_withheld_element_by_element(
    world: World, patient: str, full: dict[str, str]
) -> None:
    answer = page(world, patient, world.call(Role.CARE_COORDINATOR))
    assert "Haemolysed" not in json.dumps(answer)
    assert "clinical" not in world.events[0].classes


@pytest.mark.parametrize("role", [Role.TENANT_ADMIN, Role.AUDITOR, Role.RESEARCHER])
def test_other_roles_are_denied_on_record(world: World, patient: str, full: dict[str, str], role: Role) -> None:
    id = world.pseudonym("Patient", patient) if role is Role.RESEARCHER else patient
    with pytest.raises(AccessDenied):
        page(world, id, world.call(role))
    assert (world.recorded().error, world.recorded().action) == ("denied", Action.EVERYTHING)


@pytest.mark.parametrize("given", ["grant", "delegation"])
def test_a_grant_of_one_class_shows_what_it_holds(world: World, patient: str, full: dict[str, str], given: str) -> None:
    """As a read of each resource would, and a search."""
    other = full["other"].partition("/")[2]
    caller = world.call(user_id="clinician-2") if given == "grant" else world.call(Role.PATIENT, patient_id=other)
    classes = frozenset({"clinical"})
    world.facts.given["north", patient, caller.principal.user_id] = [Given(classes, delegated=given == "delegation")]
    answer = page(world, patient, caller)
    assert places(answer) == [full["observation"]]
    assert {"code", "valueQuantity"} <= answer["entry"][0]["resource"].keys()
    assert not {"subject", "status"} & answer["entry"][0]["resource"].keys()
    assert "Zyxwvuts" not in json.dumps(answer)
    release, *_ = world.events
    assert (release.action, release.patient, release.classes) == (Action.EVERYTHING, patient, ("clinical",))
    for kind, id in (place.split("/") for place in (full["patient"], full["relative"])):
        with pytest.raises(AccessDenied):
            read(world.records, caller, kind, id)
    with pytest.raises(AccessDenied):
        page(world, other, world.call(user_id="clinician-2"))


def test_what_is_found_and_read_is_what_a_search_finds(world: World, patient: str, full: dict[str, str]) -> None:
    for number, classes in enumerate(map(frozenset, combinations(map(str, DataClass), 2))):
        caller = world.call(user_id=f"clinician-{number + 2}")
        world.facts.given["north", patient, caller.principal.user_id] = [Given(classes)]
        found = places(page(world, patient, caller))
        for kind in ("Patient", "Observation", "RelatedPerson"):
            parameters = [("_id" if kind == "Patient" else "patient", patient)]
            body = search(world.records, caller, kind, parameters, base_url=BASE_URL).body
            entries = json.loads(body).get("entry", [])
            searched = [f"{kind}/{entry['resource']['id']}" for entry in entries]
            assert [place for place in found if place.startswith(f"{kind}/")] == searched


def test_a_stranger_learns_nothing(world: World, patient: str, full: dict[str, str]) -> None:
    with pytest.raises(AccessDenied):
        page(world, patient, world.call(user_id="clinician-2"))
    for id, call in ((ABSENT, world.call()), (patient, world.call(tenant="south")), ("a/b", world.call())):
        with pytest.raises(NotFound):
            page(world, id, call)


def test_what_was_deleted_or_erased_is_gone(world: World, patient: str, full: dict[str, str]) -> None:
    delete(world.records, world.call(), *full["observation"].split("/"))
    assert full["observation"] not in places(page(world, patient))
    world.destroy_key(full["relative"])
    assert full["relative"] not in places(page(world, patient))
    delete(world.records, world.call(), "Patient", patient)
    with pytest.raises(Gone):
        page(world, patient)


def test_another_patients_row_under_this_subject_does_not_open(
    world: World, patient: str, full: dict[str, str]
) -> None:
    kind, id = full["their observation"].split("/")
    world.store.replace("north", kind, id, subject=f"Patient/{patient}")
    with pytest.raises(IntegrityError):
        page(world, patient)


@pytest.mark.parametrize(
    "parameters",
    [
        {"start": "2026-01-01"},
        {"end": "2026-01-01"},
        {"_elements": "name"},
        {"_type": "Organization"},
        {"_type": "Zyxwvuts"},
        {"_type": ""},
        {"_count": "1000"},
        {"_since": "then"},
        {"_cursor": "AAAA"},
        {"Zyxwvuts": "1"},
    ],
)
def test_other_parameters_are_refused_by_name(world: World, patient: str, parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        page(world, patient, **parameters)
    [(name, value)] = parameters.items()
    assert "Zyxwvuts" not in caught.value.detail
    assert not value or value not in caught.value.detail
    if name in ("start", "end", "_elements"):
        assert isinstance(caught.value, UnsupportedParameter)
        assert caught.value.detail.startswith(name)


def test_a_cursor_is_for_its_patient_and_its_caller(world: World, patient: str, full: dict[str, str]) -> None:
    more = following(page(world, patient, _count="1"))
    for id, call in ((full["other"].partition("/")[2], world.call()), (patient, world.call(user_id="clinician-2"))):
        with pytest.raises((InvalidInput, AccessDenied)):
            page(world, id, call, **more)


def test_every_type_is_a_patients_or_the_directorys() -> None:
    assert set(PATIENTS) | set(DIRECTORY) == set(TYPES)
    assert set(DIRECTORY) == {"Location", "Organization", "Practitioner", "PractitionerRole"}


@given(st.lists(st.sampled_from(["mine", "theirs", "relative", "deleted"]), max_size=12), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_any_records_in_any_pages(kinds: list[str], count: int) -> None:
    world = World()
    mine, theirs = (world.make("Patient", a_patient()).id for _ in range(2))
    expected = {f"Patient/{mine}"}
    for kind in kinds:
        relative = RELATIVE | {"patient": {"reference": f"Patient/{mine}"}}
        made = place(world, relative if kind == "relative" else an_observation(theirs if kind == "theirs" else mine))
        if kind == "deleted":
            delete(world.records, world.call(), *made.split("/"))
        elif kind != "theirs":
            expected.add(made)
    answer = page(world, mine, _count=str(count))
    found = places(answer)
    while more := following(answer):
        answer = page(world, mine, **more)
        found += places(answer)
    assert sorted(found) == sorted(expected)
