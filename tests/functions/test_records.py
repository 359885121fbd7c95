"""Resources over HTTP: created, read, changed, deleted, each version kept byte for byte."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from local.bundles import generate
from tests.support.answers import ok, refused
from tests.support.fhir import every, exact, make, observation, patient, send

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

TYPES = [
    "Patient",
    "Practitioner",
    "Encounter",
    "Observation",
    "Condition",
    "AllergyIntolerance",
    "MedicationRequest",
    "DiagnosticReport",
]
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
OWN = ("resourceType", "id", "meta")


@pytest.fixture(scope="module")
def imported(stack: RunningStack) -> dict[str, str]:
    """The id of a resource of each type that the generator emits, of one imported patient."""
    found: dict[str, str] = {}
    for bundle in generate(count=2, seed=1001):
        answer = ok(send(stack.api("clinician"), "POST", "/fhir", bundle))
        places = [entry["response"]["location"].split("/v1/fhir/")[1].split("/") for entry in answer["entry"]]
        found |= {kind: id for kind, id, *_ in places}
    assert set(found) == set(TYPES)
    return found


def test_metadata_needs_no_token_and_tells_what_is_served(stack: RunningStack) -> None:
    statement = ok(stack.anyone().get("/fhir/metadata"))
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == f"{stack.base_url}/v1/fhir"
    served = {one["type"]: {i["code"] for i in one["interaction"]} for one in statement["rest"][0]["resource"]}
    assert served.pop("AuditEvent") == {"read", "search-type"}
    assert set(TYPES) <= set(served)
    for interactions in served.values():
        assert {"create", "read", "vread", "update", "patch", "delete", "search-type"} < interactions


@pytest.mark.parametrize("kind", TYPES)
def test_a_life_of_every_type_that_is_imported(clinician: httpx.Client, imported: dict[str, str], kind: str) -> None:
    original = clinician.get(f"/fhir/{kind}/{imported[kind]}").text
    ours = {name: value for name, value in json.loads(original).items() if name != "id"}
    created = send(clinician, "POST", f"/fhir/{kind}", ours)
    id = ok(created, 201)["id"]
    assert id != imported[kind]
    assert created.headers["location"].endswith(f"/v1/fhir/{kind}/{id}/_history/1")
    place = f"/fhir/{kind}/{id}"
    for answer in (
        clinician.get(place),
        clinician.get(f"{place}/_history/1"),
        clinician.get(created.headers["location"]),
    ):
        assert ok(answer)
        assert (answer.content, answer.headers["etag"]) == (created.content, 'W/"1"')
        copied, before = exact(answer.text), exact(original)
        assert {n: v for n, v in copied.items() if n not in OWN} == {n: v for n, v in before.items() if n not in OWN}

    changed = send(clinician, "PUT", place, ours | {"id": id, "language": "en-US"}, If_Match='W/"1"')
    assert (ok(changed)["language"], changed.headers["etag"]) == ("en-US", 'W/"2"')
    assert ok(clinician.get(place))["meta"]["versionId"] == "2"
    assert "language" not in ok(clinician.get(f"{place}/_history/1"))

    if kind == "Practitioner":  # who keeps the directory adds to it; its entries stand in others' records
        refused(clinician.delete(place), 403)
        return
    deleted = clinician.delete(place)
    assert ok(deleted, 204) is None
    assert deleted.headers["etag"] == 'W/"3"'
    for answer in (
        clinician.get(place),
        clinician.get(f"{place}/_history/3"),
        send(clinician, "PUT", place, ours | {"id": id}),
    ):
        refused(answer, 410)
    assert ok(clinician.get(f"{place}/_history/2"))["language"] == "en-US"
    assert ok(clinician.delete(place), 204) is None


def test_what_was_sent_comes_back_byte_for_byte(clinician: httpx.Client, sick: str) -> None:
    members = [
        '"status" : "final"',
        '"code"\t:\n{ "text" :  "W\\u00e4gung \\/ \\ud83d\\ude00 Zoë" ,"coding":[ ]}'.replace(',"coding":[ ]', ""),
        f'"subject":{{"reference":"Patient/{sick}"}}',
        '"valueQuantity":{"value":1.10,"unit":"kg"}',
        '"referenceRange":[{"low":{"value":0.0},"high":{"value":1.0E+2}},{"low":{"value":-0.50}}]',
        '"component":[{"code":{"text":"a"},"valueInteger":0},{"code":{"text":"b"},"valueQuantity":{"value":1e1}}]',
    ]
    body = ("{" + ",".join(['"resourceType":"Observation"', *members]) + "}").encode()
    created = send(clinician, "POST", "/fhir/Observation", body)
    read = clinician.get(f"/fhir/Observation/{ok(created, 201)['id']}")
    for member in members:
        value = member.partition(":")[2].strip().encode()
        assert value in created.content
        assert value in read.content
    assert read.content == created.content


def test_ids_are_the_servers_and_random(clinician: httpx.Client, sick: str) -> None:
    made = [make(clinician, observation(sick) | {"id": "mine"})["id"] for _ in range(2)]
    assert all(UUID4.fullmatch(id) for id in made)
    assert made[0] != made[1]
    refused(clinician.get("/fhir/Observation/mine"), 404)


def test_headers_say_version_time_and_place(stack: RunningStack, clinician: httpx.Client, sick: str) -> None:
    answer = send(clinician, "POST", "/fhir/Observation", observation(sick))
    made = ok(answer, 201)
    assert answer.headers["etag"] == f'W/"{made["meta"]["versionId"]}"'
    assert answer.headers["location"] == f"{stack.base_url}/v1/fhir/Observation/{made['id']}/_history/1"
    at = parsedate_to_datetime(answer.headers["last-modified"]).strftime("%Y-%m-%dT%H:%M:%S")
    assert made["meta"]["lastUpdated"].startswith(at)
    assert answer.headers["content-type"] == "application/fhir+json"


def test_meta_of_the_clients_own_stays_and_the_servers_is_the_servers(clinician: httpx.Client, sick: str) -> None:
    meta = {"versionId": "77", "lastUpdated": "1999-01-01T00:00:00Z", "profile": ["http://example.org/p"]}
    made = make(clinician, observation(sick, meta=meta))
    assert (made["meta"]["versionId"], made["meta"]["profile"]) == ("1", meta["profile"])
    assert not made["meta"]["lastUpdated"].startswith("1999")


def test_a_stale_if_match(clinician: httpx.Client, sick: str) -> None:
    made = make(clinician, observation(sick))
    place = f"/fhir/Observation/{made['id']}"
    ok(send(clinician, "PUT", place, made, If_Match='W/"1"'))
    for method, resource in (("PUT", made), ("DELETE", None)):
        for stale in ('W/"1"', '"1"', 'W/"3"'):
            refused(send(clinician, method, place, resource, If_Match=stale), 412)
        for malformed in ("1", "W/1", 'W/"Zebra"', '"1", "2"', ""):
            refused(send(clinician, method, place, resource, If_Match=malformed), 400)
    assert ok(clinician.get(place))["meta"]["versionId"] == "2"
    ok(send(clinician, "PUT", place, made, If_Match="*"))
    ok(send(clinician, "DELETE", place, If_Match='W/"3"'), 204)


def test_of_many_writers_that_saw_one_version_one_wins(clinician: httpx.Client, sick: str) -> None:
    made = make(clinician, observation(sick))
    place = f"/fhir/Observation/{made['id']}"
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: send(clinician, "PUT", place, made, If_Match='W/"1"'), range(6)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {409, 412}
    assert ok(clinician.get(place))["meta"]["versionId"] == "2"


def test_a_repeated_create_is_made_once(clinician: httpx.Client, sick: str) -> None:
    body, key = observation(sick), f"create-{sick}"
    first = send(clinician, "POST", "/fhir/Observation", body, Idempotency_Key=key)
    again = send(clinician, "POST", "/fhir/Observation", body, Idempotency_Key=key)
    ok(first, 201)
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("etag", "location", "last-modified"):
        assert again.headers[name] == first.headers[name]
    for method, path in (("POST", "Observation"), ("POST", "Condition"), ("PUT", f"Observation/{first.json()['id']}")):
        other = body if path == "Condition" else body | {"status": "amended", "id": first.json()["id"]}
        refused(send(clinician, method, f"/fhir/{path}", other, Idempotency_Key=key), 422)


def test_a_repeat_answers_with_what_it_made_not_with_what_came_later(clinician: httpx.Client, sick: str) -> None:
    key = f"later-{sick}"
    first = send(clinician, "POST", "/fhir/Observation", observation(sick), Idempotency_Key=key)
    made = ok(first, 201)
    ok(send(clinician, "PUT", f"/fhir/Observation/{made['id']}", made | {"status": "amended"}))
    again = send(clinician, "POST", "/fhir/Observation", observation(sick), Idempotency_Key=key)
    assert (again.status_code, again.content) == (201, first.content)


def test_a_repeated_update_and_delete(clinician: httpx.Client, sick: str) -> None:
    made = make(clinician, observation(sick))
    place, key = f"/fhir/Observation/{made['id']}", f"change-{made['id']}"
    for _ in range(2):
        answer = send(clinician, "PUT", place, made | {"status": "amended"}, Idempotency_Key=key, If_Match='W/"1"')
        assert (ok(answer)["status"], answer.headers["etag"]) == ("amended", 'W/"2"')
    for _ in range(2):
        answer = send(clinician, "DELETE", place, Idempotency_Key=key + "-d", If_Match='W/"2"')
        assert (ok(answer, 204), answer.headers["etag"]) == (None, 'W/"3"')


def test_repeats_at_the_same_instant_make_one_resource(clinician: httpx.Client) -> None:
    subject = make(clinician, patient())["id"]
    body, key = observation(subject), f"race-{subject}"
    with ThreadPoolExecutor(5) as pool:
        answers = list(
            pool.map(lambda _: send(clinician, "POST", "/fhir/Observation", body, Idempotency_Key=key), range(5))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(every(clinician, "Observation", patient=subject)) == 1


@pytest.mark.parametrize("key", ["", "two words", "Zebr\u00e4".encode().decode("latin-1"), "x" * 256])
def test_malformed_idempotency_keys(clinician: httpx.Client, sick: str, key: str) -> None:
    headers: Any = {"Content-Type": "application/json", "Idempotency-Key": key.encode("latin-1")}
    refused(clinician.post("/fhir/Observation", json=observation(sick), headers=headers), 400)


def test_a_resource_stays_with_its_subject(stack: RunningStack, clinician: httpx.Client, sick: str) -> None:
    made = make(clinician, observation(sick))
    for other in (stack.patients()[1], stack.patients(stack.tenants[1])[0]):
        moved = made | {"subject": {"reference": f"Patient/{other}"}}
        refused(send(clinician, "PUT", f"/fhir/Observation/{made['id']}", moved), 422)
    assert ok(clinician.get(f"/fhir/Observation/{made['id']}"))["subject"]["reference"] == f"Patient/{sick}"


def test_put_makes_no_resource(clinician: httpx.Client, sick: str) -> None:
    id = "0b0f8f1e-1111-4111-8111-0123456789ab"
    refused(send(clinician, "PUT", f"/fhir/Observation/{id}", observation(sick) | {"id": id}), 404)
    refused(clinician.get(f"/fhir/Observation/{id}"), 404)
