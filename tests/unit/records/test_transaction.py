"""Transactions: all entries or none, one record, one commit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from carebundle import generate_cohort, to_json

from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    Unavailable,
    Unprocessable,
)
from phivault.records.call import Call
from phivault.records.json_members import split, split_array
from phivault.records.read import read
from phivault.records.references import resolve
from phivault.records.transaction import transaction
from phivault.records.update import update
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

ABSENT = "0199b3c2-0000-7000-8000-000000000009"
NEW = "urn:uuid:96baad95-bc36-4844-bc19-86cb1d4022a3"


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    request = {"method": method, "url": url} | {name: more.pop(name) for name in ("ifMatch",) if name in more}
    return {"request": request} | ({} if resource is None else {"resource": resource}) | more


def send(world: World, *entries: dict[str, Any], call: Call | None = None) -> list[dict[str, Any]]:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    done = transaction(world.records, call or world.call(), json.dumps(bundle).encode(), base_url=BASE_URL)
    answer = json.loads(done.body)
    assert (answer["type"], done.count) == ("transaction-response", len(entries))
    return [item["response"] for item in answer.get("entry", [])]


def test_entries_of_every_method_are_done_and_answered_in_order(world: World, patient: str) -> None:
    old = world.make("Observation", an_observation(patient)).id
    world.forget()
    answers = send(
        world,
        entry("DELETE", f"Observation/{old}"),
        entry("PUT", f"Patient/{patient}", a_patient(id=patient, active=False), ifMatch='W/"1"'),
        entry("POST", "Observation", an_observation(patient)),
    )
    assert [answer["status"].partition(" ")[0] for answer in answers] == ["204", "200", "201"]
    assert [answer["etag"] for answer in answers] == ['W/"2"', 'W/"2"', 'W/"1"']
    assert answers[1]["location"] == f"{BASE_URL}/Patient/{patient}/_history/2"
    assert answers[2]["lastModified"] == "2026-03-04T05:06:07.089Z"
    made = answers[2]["location"].split("/")[-3]
    assert json.loads(read(world.records, world.call(), "Observation", made).body)["status"] == "final"


def test_one_record_holds_a_line_per_resource_and_comes_before_the_one_commit(world: World, patient: str) -> None:
    send(
        world,
        entry("POST", "Observation", an_observation(patient)),
        entry("PUT", f"Patient/{patient}", a_patient(id=patient)),
    )
    assert [(event.action, event.patient) for event in world.events] == [
        (Action.CREATE, patient),
        (Action.UPDATE, patient),
    ]
    assert all(event.envelope for event in world.events)
    assert world.steps == ["record", "commit"]


def test_a_new_patient_and_what_is_about_them_come_together(world: World) -> None:
    answers = send(
        world,
        entry("POST", "Observation", an_observation("x") | {"subject": {"reference": NEW}}),
        entry("POST", "Patient", a_patient(), fullUrl=NEW),
    )
    observation, new = (answer["location"].split("/")[-3] for answer in answers)
    body = json.loads(read(world.records, world.call(), "Observation", observation).body)
    assert body["subject"]["reference"] == f"Patient/{new}"
    assert world.steps[:3] == ["record", "join", "commit"]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (entry("POST", "Observation", an_observation(ABSENT)), Unprocessable),
        (entry("POST", "Patient", a_patient(gender="banana")), InvalidInput),
        (entry("PUT", f"Patient/{ABSENT}", a_patient(id=ABSENT)), NotFound),
        (entry("DELETE", f"Patient/{ABSENT}"), NotFound),
    ],
)
def test_one_bad_entry_undoes_all_and_is_named_by_its_place(
    world: World, patient: str, bad: dict[str, Any], error: type[Exception]
) -> None:
    before = {place: list(versions) for place, versions in world.store.versions.items()}
    with pytest.raises(error) as caught:
        send(world, entry("POST", "Observation", an_observation(patient)), bad)
    assert str(caught.value).startswith("Bundle.entry[1]")
    assert world.store.versions == before
    assert (world.recorded().action, world.recorded().success) == (Action.TRANSACTION, False)


def test_a_denied_entry_denies_all(world: World, patient: str) -> None:
    stranger = world.call(user_id="clinician-2")
    keys = dict(world.key_store.rows)
    with pytest.raises(AccessDenied):
        send(
            world,
            entry("POST", "Patient", a_patient()),
            entry("POST", "Observation", an_observation(patient)),
            call=stranger,
        )
    assert len(world.store.versions) == 1
    assert world.key_store.rows == keys
    event = world.recorded()
    assert (event.action, event.resource, event.patient, event.risk) == (
        Action.TRANSACTION,
        "Bundle",
        patient,
        RiskLevel.HIGH,
    )


def test_a_reference_that_breaks_in_the_database_undoes_all_and_leaves_an_outcome(world: World, patient: str) -> None:
    broken = an_observation(patient, performer=[{"reference": f"Practitioner/{ABSENT}"}])
    with pytest.raises(Unprocessable):
        send(world, entry("POST", "Patient", a_patient()), entry("POST", "Observation", broken))
    assert len(world.store.versions) == 1
    assert [event.success for event in world.events] == [True, True, False]
    outcome = world.events[-1]
    assert (outcome.action, outcome.resource, outcome.patient) == (Action.TRANSACTION, "Bundle", "")


@pytest.mark.parametrize(("if_match", "error"), [({}, Conflict), ({"ifMatch": 'W/"1"'}, PreconditionFailed)])
def test_a_lost_race_undoes_all(world: World, patient: str, if_match: dict[str, str], error: type[Exception]) -> None:
    body = json.dumps(a_patient(id=patient)).encode()
    world.store.before_commit = lambda: update(world.records, world.call(), "Patient", patient, body)
    with pytest.raises(error):
        send(
            world,
            entry("POST", "Patient", a_patient()),
            entry("PUT", f"Patient/{patient}", a_patient(id=patient), **if_match),
        )
    assert len(world.store.versions) == 1


@pytest.mark.parametrize("failure", ["before", "after"])
def test_without_a_record_nothing_is_written(world: World, failure: str) -> None:
    world.locked.failures = [failure]
    with pytest.raises(Unavailable):
        send(world, entry("POST", "Patient", a_patient()))
    assert (world.store.versions, world.facts.members) == ({}, {})


def test_facts_about_all_patients_are_loaded_in_one_call(world: World, patient: str) -> None:
    other = world.make("Patient", a_patient()).id
    loads = world.facts.loads
    send(world, *(entry("POST", "Observation", an_observation(who)) for who in (patient, other, patient)))
    assert world.facts.loads == loads + 1


def test_an_update_in_a_transaction_keeps_what_the_caller_cannot_see(world: World, patient: str) -> None:
    made = world.make("Observation", an_observation(patient)).id
    coordinator = world.call(Role.CARE_COORDINATOR)
    thinned = json.loads(read(world.records, coordinator, "Observation", made).body)
    answers = send(world, entry("PUT", f"Observation/{made}", thinned), call=coordinator)
    assert answers[0]["etag"] == 'W/"2"'
    assert json.loads(read(world.records, world.call(), "Observation", made).body)["valueQuantity"]["value"] == 6.25


def test_an_empty_transaction_does_nothing(world: World) -> None:
    assert send(world) == []
    assert world.steps == ["record"]
    assert (world.recorded().action, world.recorded().success) == (Action.TRANSACTION, True)


@pytest.mark.parametrize("request_", [("GET", "Patient/x"), ("PATCH", "Patient/x"), ("POST", "Basic")])
def test_other_methods_and_types_are_refused(world: World, request_: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput):
        send(world, entry(*request_, {"resourceType": "Patient"}))


def test_generated_bundles_come_in_whole_and_go_out_byte_for_byte(world: World) -> None:
    for generated in generate_cohort(count=5, seed=11):
        text = to_json(generated).encode()
        done = transaction(world.records, world.call(), text, base_url=BASE_URL)
        places = [item["response"]["location"].split("/")[-4:-2] for item in json.loads(done.body)["entry"]]
        sent = [split(item) for item in split_array(split(text)["entry"])]
        urls = {json.loads(item["fullUrl"]): "/".join(place) for item, place in zip(sent, places, strict=True)}
        for item, place in zip(sent, places, strict=True):
            expected = split(resolve(item["resource"], urls))
            stored = split(read(world.records, world.call(), *place).body)
            told = json.loads(stored.pop("meta"))
            meta = json.loads(expected.pop("meta", b"{}"))
            assert {name: told[name] for name in meta} == meta
            assert list(expected.items()) == [pair for pair in stored.items() if pair[0] != "id"]
