"""Batches: every entry as if it had come alone, recorded and committed together."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import InvalidInput, PhivaultError, Unavailable, Unprocessable
from phivault.records import entries
from phivault.records.bundles import answer
from phivault.records.call import Call
from phivault.records.create import create, create_conditionally
from phivault.records.delete import delete
from phivault.records.patch import patch
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.update import update
from phivault.records.vread import vread
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

ABSENT = "0199b3c2-0000-7000-8000-000000000009"


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url} | request}
    return made if resource is None else made | {"resource": resource}


def patching(url: str, *operations: dict[str, Any], **request: Any) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    return entry("PATCH", url, binary, **request)


def bundle(*entries: Any, kind: str = "batch") -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries)}).encode()


def send(
    world: World, *entries: dict[str, Any], call: Call | None = None, key: str | None = None, prefer: str = "minimal"
) -> list[dict[str, Any]]:
    done = answer(
        world.records,
        call or world.call(),
        bundle(*entries),
        base_url=BASE_URL,
        idempotency_key=key,
        prefer=prefer,
    )
    body = json.loads(done.body)
    bare = [{name: value for name, value in e.items() if name != "resource"} for e in body.get("entry", [])]
    Bundle.model_validate(body | ({"entry": bare} if bare else {}))
    assert (body["type"], done.count, len(body.get("entry", []))) == ("batch-response", len(entries), len(entries))
    found: list[dict[str, Any]] = body.get("entry", [])
    return found


def statuses(answers: list[dict[str, Any]]) -> list[int]:
    return [int(each["response"]["status"][:3]) for each in answers]


def diagnostics(one: dict[str, Any]) -> str:
    return str(one["response"]["outcome"]["issue"][0]["diagnostics"])


def test_entries_of_every_method_are_answered_in_order(world: World, patient: str) -> None:
    old, other = (world.make("Observation", an_observation(patient)).id for _ in range(2))
    answers = send(
        world,
        entry("GET", f"Patient/{patient}"),
        entry("DELETE", f"Observation/{old}"),
        patching(f"Observation/{other}", {"op": "replace", "path": "/status", "value": "amended"}, ifMatch='W/"1"'),
        entry("POST", "Observation", an_observation(patient)),
        entry("PUT", f"Patient/{patient}", a_patient(id=patient, active=False)),
        entry("GET", f"Patient/{patient}/_history/1"),
        entry("GET", f"Observation?patient={patient}&_count=100"),
        entry("GET", f"Observation/{old}"),
    )
    assert statuses(answers) == [200, 204, 200, 201, 200, 200, 200, 410]
    assert answers[0]["resource"]["active"] is False  # reads come after the writes
    assert answers[5]["resource"]["active"] is True
    assert [answers[n]["response"]["etag"] for n in (0, 2, 3, 5)] == ['W/"2"', 'W/"2"', 'W/"1"', 'W/"1"']
    found = answers[6]["resource"]
    assert (found["type"], len(found["entry"])) == ("searchset", 2)
    assert {e["resource"]["status"] for e in found["entry"]} == {"amended", "final"}


def test_one_put_records_all_writes_and_one_all_reads(world: World, patient: str) -> None:
    send(
        world,
        entry("POST", "Observation", an_observation(patient)),
        entry("POST", "Observation", an_observation(ABSENT)),
        entry("PUT", f"Patient/{patient}", a_patient(id=patient)),
        entry("GET", f"Patient/{patient}"),
        entry("GET", f"Patient/{ABSENT}"),
        "not an entry",  # type: ignore[arg-type]  # what a client may send
    )
    assert world.steps == ["record", "commit", "record"]
    assert [(e.action, e.error, e.patient) for e in world.events] == [
        (Action.BATCH, "", ""),
        (Action.CREATE, "", patient),
        (Action.UPDATE, "", patient),
        (Action.CREATE, "unprocessable", ""),
        (Action.BATCH, "invalid", ""),
        (Action.READ, "", patient),
        (Action.READ, "not-found", ""),
    ]
    assert len({event.request_id for event in world.events}) == 1


def test_one_that_fails_does_not_touch_the_others(world: World, patient: str) -> None:
    answers = send(
        world,
        entry("POST", "Observation", an_observation(patient)),
        entry("POST", "Patient", a_patient(gender="banana")),
        entry("PUT", f"Patient/{ABSENT}", a_patient(id=ABSENT)),
        entry("DELETE", f"Observation/{ABSENT}"),
        entry("PUT", f"Patient/{patient}", a_patient(id=patient), ifMatch='W/"7"'),
        entry("POST", "Group", {"resourceType": "Group"}),
        entry("POST", "Observation", an_observation(patient, subject={"reference": "urn:uuid:" + ABSENT})),
        {"request": {}},
        {},
        entry("POST", "Observation", an_observation(patient)),
    )
    assert statuses(answers) == [201, 400, 404, 404, 412, 400, 422, 400, 400, 201]
    assert answers[1]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1].resource.gender"]
    assert diagnostics(answers[4]).startswith("Bundle.entry[4]")
    assert "banana" not in json.dumps(answers)


def test_a_denied_entry_is_denied_alone(world: World, patient: str) -> None:
    stranger = world.call(user_id="clinician-2")
    answers = send(
        world,
        entry("POST", "Patient", a_patient()),
        entry("POST", "Observation", an_observation(patient)),
        entry("GET", f"Patient/{patient}"),
        call=stranger,
    )
    assert statuses(answers) == [201, 403, 403]
    denied = [event for event in world.events if event.error == "denied"]
    assert [(e.action, e.patient) for e in denied] == [(Action.CREATE, patient), (Action.READ, patient)]


def test_a_lost_race_fails_the_entries_at_fault_alone(world: World, patient: str) -> None:
    body = json.dumps(a_patient(id=patient)).encode()
    world.store.before_commit = lambda: update(world.records, world.call(), "Patient", patient, body)
    answers = send(
        world,
        entry("POST", "Observation", an_observation(patient)),
        entry("PUT", f"Patient/{patient}", a_patient(id=patient, active=False)),
        entry("POST", "Observation", an_observation(patient)),
    )
    assert statuses(answers) == [201, 409, 201]
    assert json.loads(read(world.records, world.call(), "Patient", patient).body)["active"] is True
    assert [(e.action, e.error) for e in world.events if not e.success] == [(Action.UPDATE, "conflict")]


def test_two_that_change_one_resource_depend_on_each_other(world: World, patient: str) -> None:
    answers = send(
        world,
        entry("PUT", f"Patient/{patient}", a_patient(id=patient)),
        entry("DELETE", f"Patient/{patient}"),
    )
    assert statuses(answers) == [200, 400]
    assert "repeats" in diagnostics(answers[1])


@pytest.mark.parametrize("failure", ["before", "after"])
def test_without_a_record_nothing_is_written(world: World, patient: str, failure: str) -> None:
    world.locked.failures = [failure]
    with pytest.raises(Unavailable):
        send(world, entry("POST", "Patient", a_patient()))
    assert len(world.store.versions) == 1


def test_reads_that_cannot_be_recorded_are_not_answered_while_writes_stand(world: World, patient: str) -> None:
    world.locked.failures = ["", "before"]
    answers = send(world, entry("POST", "Patient", a_patient()), entry("GET", f"Patient/{patient}"))
    assert statuses(answers) == [201, 503]
    assert "resource" not in answers[1]


def test_facts_about_a_patient_are_loaded_once_for_writes_and_once_for_reads(world: World, patient: str) -> None:
    loads = world.facts.loads
    send(world, *[entry("POST", "Observation", an_observation(patient))] * 5, *[entry("GET", f"Patient/{patient}")] * 5)
    assert world.facts.loads == loads + 2


def test_a_read_of_the_url_with_phi_is_refused_by_name(world: World, patient: str) -> None:
    answers = send(
        world,
        entry("GET", "Patient?family=Zyxwvuts"),
        entry("GET", "Patient?birthdate=1979-04-06"),
        entry("GET", f"Patient/{patient}?name=Zyxwvuts"),
        entry("GET", "Patient?Zyxwvuts=1"),
    )
    assert statuses(answers) == [400] * 4
    assert ["family" in diagnostics(answers[0]), "birthdate" in diagnostics(answers[1])] == [True, True]
    told = json.dumps(answers) + repr(world.events)
    assert "Zyxwvuts" not in told
    assert "1979-04" not in told  # the year alone may be in an id by chance


def test_an_answer_has_its_bounds(world: World, patient: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "ROOM", 3000)
    answers = send(world, *[entry("GET", f"Patient/{patient}")] * 10)
    assert statuses(answers)[0] == 200
    assert statuses(answers)[-1] == 413
    assert "no room" in diagnostics(answers[-1])
    released = [event for event in world.events if event.action is Action.READ and event.success]
    assert len(released) == statuses(answers).count(200)
    searches = send(world, *[entry("GET", f"Observation?patient={ABSENT}")] * (entries.MAX_SEARCHES + 1))
    assert statuses(searches)[-1] == 400


def test_what_goes_back_of_a_write_is_as_preferred(world: World, patient: str) -> None:
    one = entry("POST", "Observation", an_observation(patient))
    assert "resource" not in send(world, one)[0]
    assert send(world, one, prefer="representation")[0]["resource"]["status"] == "final"
    told = send(world, one, prefer="OperationOutcome")[0]
    assert told["response"]["outcome"]["issue"][0]["severity"] == "information"


def test_a_batch_has_a_form_and_a_size(world: World) -> None:
    for body in (
        bundle(*[entry("GET", f"Patient/{ABSENT}")] * 501),
        bundle(kind="collection"),
        b"[]",
        b'{"resourceType":"Bundle","type":"batch","entry":{}}',
    ):
        with pytest.raises(InvalidInput):
            answer(world.records, world.call(), body, base_url=BASE_URL)
    assert send(world) == []
    assert world.recorded(Action.BATCH).success


def test_a_repeat_is_answered_alike_and_does_nothing(world: World, patient: str) -> None:
    sent = (
        entry("POST", "Observation", an_observation(patient)),
        entry("POST", "Patient", a_patient(gender="banana")),
        entry("PUT", f"Patient/{patient}", a_patient(id=patient)),
        entry("GET", f"Patient/{patient}"),
    )
    first = send(world, *sent, key="key")
    count = sum(map(len, world.store.versions.values()))
    again = send(world, *sent, key="key")
    assert statuses(again) == statuses(first) == [201, 400, 200, 200]
    assert [a["response"].get("location") for a in again] == [a["response"].get("location") for a in first]
    assert sum(map(len, world.store.versions.values())) == count
    with pytest.raises(Unprocessable):
        send(world, entry("POST", "Patient", a_patient()), key="key")


def test_a_repeat_after_a_race_does_what_was_not_done(world: World, patient: str) -> None:
    """Once the entries go one by one, each has its own row: the repeat of one that failed is tried again, once."""
    body = json.dumps(a_patient(id=patient)).encode()
    world.store.before_commit = lambda: update(world.records, world.call(), "Patient", patient, body)
    sent = (
        entry("POST", "Observation", an_observation(patient)),
        entry("PUT", f"Patient/{patient}", a_patient(id=patient, active=False)),
    )
    first = send(world, *sent, key="key")
    assert statuses(first) == [201, 409]
    second, third = (send(world, *sent, key="key") for _ in range(2))
    assert statuses(second) == statuses(third) == [201, 200]
    assert second[0]["response"]["location"] == first[0]["response"]["location"]
    assert len([place for place in world.store.versions if place[1] == "Observation"]) == 1
    assert len(world.store.versions["north", "Patient", patient]) == 3


def test_a_commit_of_unknown_outcome_is_settled_by_the_key(world: World, patient: str) -> None:
    one = entry("POST", "Observation", an_observation(patient))
    world.store.fail_commit = "after"
    assert statuses(send(world, one, key="key")) == [201]
    world.store.fail_commit = "before"
    with pytest.raises(Unavailable):
        send(world, one, key="other")
    assert len([place for place in world.store.versions if place[1] == "Observation"]) == 1


def test_a_researcher_reads_by_pseudonyms_in_a_batch(world: World, patient: str) -> None:
    named = world.pseudonym("Patient", patient)
    answers = send(
        world,
        entry("GET", f"Patient/{named}"),
        entry("GET", f"Patient/{patient}"),
        call=world.call(Role.RESEARCHER),
    )
    assert statuses(answers) == [200, 404]
    assert "lastModified" not in answers[0]["response"]
    assert patient not in json.dumps(answers)


KINDS = st.sampled_from(
    ["create", "invalid", "stranger", "missing", "update", "stale", "delete", "patch", "read", "vread", "search", "phi"]
)


@given(st.lists(KINDS, max_size=8))
@settings(max_examples=30, deadline=None)
def test_any_batch_equals_its_entries_one_by_one(kinds: list[str]) -> None:
    together, alone = World(), World()
    sent, singly = [_prepared(world, kinds) for world in (together, alone)]
    got = send(together, *[each for each, _ in sent])
    reads = {"read", "vread", "search", "phi"}
    order = sorted(range(len(kinds)), key=lambda number: kinds[number] in reads)
    expected = dict.fromkeys(range(len(kinds)), 0)
    for number in order:
        expected[number] = singly[number][1]()
    assert statuses(got) == [expected[number] for number in range(len(kinds))]
    assert _held(together) == _held(alone)


def _held(world: World) -> list[tuple[str, int, bool]]:
    return sorted((place[1], len(v), v[-1].envelope is None) for place, v in world.store.versions.items())


def _prepared(world: World, kinds: list[str]) -> list[tuple[dict[str, Any], Any]]:
    patient = world.make("Patient", a_patient()).id
    other = world.make("Patient", a_patient(), world.call(user_id="clinician-2")).id
    return [_one(world, kind, patient, other) for kind in kinds]


def _one(world: World, kind: str, patient: str, other: str) -> tuple[dict[str, Any], Any]:
    records, call = world.records, world.call()
    seen = world.make("Observation", an_observation(patient)).id
    absent = str(uuid.uuid4())  # each its own: a batch names a resource once
    new, changed = an_observation(patient), an_observation(patient, id=seen, status="amended")
    operation = {"op": "replace", "path": "/status", "value": "amended"}

    def body(resource: Any) -> bytes:
        return json.dumps(resource).encode()

    invalid, strange = an_observation(patient, status="Zebra"), an_observation(other)
    rows: dict[str, tuple[dict[str, Any], Any]] = {
        "create": (entry("POST", "Observation", new), lambda: create(records, call, "Observation", body(new)) and 201),
        "invalid": (entry("POST", "Observation", invalid), lambda: create(records, call, "Observation", body(invalid))),
        "stranger": (
            entry("POST", "Observation", strange),
            lambda: create(records, call, "Observation", body(strange)),
        ),
        "missing": (
            entry("DELETE", f"Observation/{absent}"),
            lambda: delete(records, call, "Observation", absent),
        ),
        "update": (
            entry("PUT", f"Observation/{seen}", changed),
            lambda: update(records, call, "Observation", seen, body(changed)) and 200,
        ),
        "stale": (
            entry("PUT", f"Observation/{seen}", changed, ifMatch='W/"9"'),
            lambda: update(records, call, "Observation", seen, body(changed), if_match='W/"9"'),
        ),
        "delete": (
            entry("DELETE", f"Observation/{seen}"),
            lambda: delete(records, call, "Observation", seen) and 204,
        ),
        "patch": (
            patching(f"Observation/{seen}", operation),
            lambda: patch(records, call, "Observation", seen, body([operation])) and 200,
        ),
        "read": (entry("GET", f"Observation/{seen}"), lambda: read(records, call, "Observation", seen) and 200),
        "vread": (
            entry("GET", f"Observation/{seen}/_history/2"),
            lambda: vread(records, call, "Observation", seen, 2) and 200,
        ),
        "search": (
            entry("GET", f"Observation?_id={seen}"),
            lambda: search(records, call, "Observation", [("_id", seen)], base_url=BASE_URL) and 200,
        ),
        "phi": (
            entry("GET", "Patient?family=x"),
            lambda: search(records, call, "Patient", [("family", "x")], base_url=BASE_URL),
        ),
    }
    sent, alone = rows[kind]

    def done() -> int:
        try:
            return int(alone())
        except PhivaultError as error:
            return error.status

    return sent, done


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_an_existing_match_stands_for_the_create(world: World, patient: str, kind: str) -> None:
    known = a_patient(identifier=[{"system": "urn:mrn", "value": "Q-77"}])
    first, made = create_conditionally(
        world.records, world.call(), "Patient", json.dumps(known).encode(), "identifier=urn:mrn|Q-77"
    )
    assert made
    world.forget()
    sent = bundle(entry("POST", "Patient", known, ifNoneExist="identifier=urn:mrn%7CQ-77"), kind=kind)
    done = json.loads(answer(world.records, world.call(), sent, base_url=BASE_URL).body)
    assert done["entry"][0]["response"]["status"] == "200 OK"
    assert done["entry"][0]["response"]["location"] == f"{BASE_URL}/Patient/{first.id}/_history/1"
    assert [(e.action, e.resource_id) for e in world.events if e.patient] == [(Action.READ, first.id)]
    assert "Q-77" not in repr(world.events)
