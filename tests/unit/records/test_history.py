"""The versions of a resource: each decided as a read of it, newest first, on record before it is opened."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from fhir.resources.R4B.bundle import Bundle

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
from phivault.records import history as module
from phivault.records.call import Call
from phivault.records.delete import delete
from phivault.records.history import history
from phivault.records.update import update
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

ABSENT = "0199b3c2-0000-7000-8000-000000000009"


def page(world: World, kind: str, id: str, call: Call | None = None, **parameters: str) -> dict[str, Any]:
    found = history(world.records, call or world.call(), kind, id, parameters, base_url=BASE_URL)
    answer: dict[str, Any] = json.loads(found.body)
    assert all(entry.get("resource", {"id": id})["id"] == id for entry in answer.get("entry", []))
    # A thinned resource lacks elements that the model requires.
    bare = [{name: value for name, value in e.items() if name != "resource"} for e in answer.get("entry", [])]
    Bundle.model_validate(answer | ({"entry": bare} if bare else {}))
    assert (answer["type"], found.count) == ("history", len(answer.get("entry", [])))
    return answer


def versions(answer: dict[str, Any]) -> list[int]:
    return [int(entry["response"]["etag"].strip('W/"')) for entry in answer.get("entry", [])]


def following(answer: dict[str, Any]) -> dict[str, str]:
    urls = [link["url"] for link in answer["link"] if link["relation"] == "next"]
    return dict(parse_qsl(urlsplit(urls[0]).query)) if urls else {}


@pytest.fixture
def changed(world: World, patient: str) -> str:
    """A patient of four versions, a minute apart, of which the last is a deletion."""
    for number in (2, 3):
        world.time += timedelta(minutes=1)
        body = json.dumps(a_patient(id=patient, active=number == 2)).encode()
        update(world.records, world.call(), "Patient", patient, body)
    world.time += timedelta(minutes=1)
    delete(world.records, world.call(), "Patient", patient)
    world.forget()
    return patient


def test_versions_come_newest_first_with_what_made_them(world: World, changed: str) -> None:
    answer = page(world, "Patient", changed)
    assert [entry["request"] for entry in answer["entry"]] == [
        {"method": "DELETE", "url": f"Patient/{changed}"},
        {"method": "PUT", "url": f"Patient/{changed}"},
        {"method": "PUT", "url": f"Patient/{changed}"},
        {"method": "POST", "url": "Patient"},
    ]
    assert versions(answer) == [4, 3, 2, 1]
    assert "resource" not in answer["entry"][0]
    assert [entry["resource"]["active"] for entry in answer["entry"][1:]] == [False, True, True]
    assert {entry["fullUrl"] for entry in answer["entry"]} == {f"{BASE_URL}/Patient/{changed}"}
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["204", "200", "200", "201"]
    assert "total" not in answer


def test_one_event_comes_before_anything_is_opened(world: World, changed: str) -> None:
    world.cold()
    page(world, "Patient", changed)
    assert world.steps[0] == "record"
    event = world.recorded()
    assert (event.action, event.resource_id, event.version, event.patient) == (Action.HISTORY, changed, 0, changed)
    assert {"identifying", "contact"} <= set(event.classes)


@pytest.mark.parametrize("failure", ["before", "after"])
def test_without_a_record_nothing_is_answered(world: World, changed: str, failure: str) -> None:
    world.locked.failures = [failure]
    with pytest.raises(Unavailable):
        page(world, "Patient", changed)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_pages_join_without_gap_or_overlap(world: World, changed: str, count: int) -> None:
    answer, found = page(world, "Patient", changed, _count=str(count)), []
    while True:
        assert len(versions(answer)) <= count
        found += versions(answer)
        if not (more := following(answer)):
            break
        assert more.keys() == {"_cursor"}
        answer = page(world, "Patient", changed, **more)
    assert found == [4, 3, 2, 1]


def test_since_leaves_out_what_is_older_on_every_page(world: World, changed: str) -> None:
    first = page(world, "Patient", changed, _since="2026-03-04T06:07:07.089+01:00", _count="2")
    assert versions(first) == [4, 3]
    assert versions(page(world, "Patient", changed, **following(first))) == [2]


def test_a_version_of_which_nothing_is_granted_is_left_out(world: World, patient: str) -> None:
    """A coordinator sees administrative elements; what is marked as sensitive isn't there for them."""
    made = world.make("Observation", an_observation(patient)).id
    secret = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]}
    body = json.dumps(an_observation(patient, id=made, meta=secret)).encode()
    update(world.records, world.call(), "Observation", made, body)
    world.forget()
    assert versions(page(world, "Observation", made)) == [2, 1]
    coordinator = world.call(Role.CARE_COORDINATOR)
    assert versions(page(world, "Observation", made, coordinator)) == [1]
    assert not {"sensitive", "clinical"} & set(world.events[-1].classes)


def test_whoever_sees_no_version_is_denied_and_on_record(world: World, patient: str) -> None:
    secret = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]}
    made = world.make("Observation", an_observation(patient, meta=secret)).id
    world.forget()
    for call in (world.call(user_id="clinician-2"), world.call(Role.TENANT_ADMIN), world.call(Role.CARE_COORDINATOR)):
        with pytest.raises(AccessDenied):
            page(world, "Observation", made, call)
    assert {(event.error, event.patient) for event in world.events} == {("denied", patient)}


def test_a_researcher_gets_no_history(world: World, patient: str) -> None:
    with pytest.raises(AccessDenied):
        page(world, "Patient", world.pseudonym("Patient", patient), world.call(Role.RESEARCHER))


def test_what_was_never_there_is_not_found(world: World, patient: str) -> None:
    for kind, id, call in (
        ("Patient", ABSENT, world.call()),
        ("Patient", patient, world.call(tenant="south")),
        ("Basic", patient, world.call()),
        ("Patient", "no/id", world.call()),
    ):
        with pytest.raises(NotFound):
            page(world, kind, id, call)


def test_what_was_erased_is_gone(world: World, changed: str) -> None:
    world.destroy_key(f"Patient/{changed}")
    with pytest.raises(Gone):
        page(world, "Patient", changed)


def test_a_page_ends_where_it_has_no_more_room(world: World, changed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_BYTES", 1)
    answers = [page(world, "Patient", changed)]
    while more := following(answers[-1]):
        answers.append(page(world, "Patient", changed, **more))
    assert [versions(answer) for answer in answers] == [[4, 3], [2], [1]], "a deletion takes no room"


def test_a_version_that_was_taken_away_is_missed(world: World, changed: str) -> None:
    del world.store.versions["north", "Patient", changed][1]
    with pytest.raises(IntegrityError):
        page(world, "Patient", changed)


def test_a_version_that_was_put_in_anothers_place_does_not_open(world: World, changed: str) -> None:
    rows = world.store.versions["north", "Patient", changed]
    rows[1], rows[2] = replace(rows[1], envelope=rows[2].envelope), replace(rows[2], envelope=rows[1].envelope)
    with pytest.raises(IntegrityError):
        page(world, "Patient", changed)


@pytest.mark.parametrize(
    "parameters",
    [
        {"_count": "0"},
        {"_count": "101"},
        {"_since": "yesterday"},
        {"_since": "2026-02-30T00:00:00Z"},
        {"_since": "2027-12-13"},
        {"_cursor": "AAAA"},
        {"_cursor": "x" * 5000},
        {"_at": "2026"},
        {"_type": "Patient"},
        {"Zyxwvuts": "1"},
        {"_format": "xml"},
    ],
)
def test_other_parameters_are_refused_without_their_values(
    world: World, changed: str, parameters: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        page(world, "Patient", changed, **parameters)
    [(name, value)] = parameters.items()
    assert value not in caught.value.detail.replace("from 1 to 100", "") or name == "_type"
    assert "Zyxwvuts" not in caught.value.detail


def test_a_cursor_is_for_its_list_and_its_caller(world: World, changed: str, patient: str) -> None:
    other = world.make("Patient", a_patient()).id
    more = following(page(world, "Patient", changed, _count="1"))
    for id, call in ((other, world.call()), (changed, world.call(user_id="clinician-2"))):
        with pytest.raises((InvalidInput, AccessDenied)):
            page(world, "Patient", id, call, **more)
    with pytest.raises(InvalidInput, match="alone"):
        page(world, "Patient", changed, **more, _count="1")
    with pytest.raises(UnsupportedParameter):
        page(world, "Patient", changed, _list="x")
