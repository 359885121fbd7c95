"""Batches, conditional creates, histories and $everything over HTTP."""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

from tests.support.answers import ok, one, refused
from tests.support.fhir import every, link, make, observation, patient, resources, send, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.support.stack import RunningStack

    type Look = Callable[[httpx.Response], list[dict[str, Any]]]


def _batch(*entries: tuple[str, str, Any]) -> dict[str, Any]:
    return transaction(*entries) | {"type": "batch"}


def _statuses(answer: dict[str, Any]) -> list[int]:
    return [int(entry["response"]["status"][:3]) for entry in answer["entry"]]


def test_a_batch_answers_each_entry_on_its_own(clinician: httpx.Client, sick: str, events_of: Look) -> None:
    seen = make(clinician, observation(sick))["id"]
    operations = [{"op": "replace", "path": "/status", "value": "amended"}]
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    bundle = _batch(
        ("GET", f"Observation/{seen}", None),
        ("POST", "Observation", observation(sick)),
        ("POST", "Observation", observation(sick, status="Zebra")),
        ("PATCH", f"Observation/{seen}", binary),
        ("DELETE", f"Observation/{uuid.uuid4()}", None),
        ("GET", f"Observation?patient={sick}&_count=1", None),
        ("GET", "Patient?family=Zebra", None),
    )
    answered = send(clinician, "POST", "/fhir", bundle)
    answer = ok(answered)
    assert (answer["type"], _statuses(answer)) == ("batch-response", [200, 201, 400, 200, 404, 200, 400])
    assert answer["entry"][0]["resource"]["status"] == "amended"
    assert "Zebra" not in answered.text
    told = {(event["action"], event["success"], event["resource_id"]) for event in events_of(answered)}
    assert {("fhir.batch", True, ""), ("fhir.read", True, seen), ("fhir.update", True, seen)} <= told


def test_a_batch_that_comes_twice_is_done_once(clinician: httpx.Client) -> None:
    subject = make(clinician, patient())["id"]
    bundle = _batch(("POST", "Observation", observation(subject)), ("POST", "Observation", {}))
    key = str(uuid.uuid4())
    first, again = (ok(send(clinician, "POST", "/fhir", bundle, Idempotency_Key=key)) for _ in range(2))
    assert _statuses(first) == _statuses(again) == [201, 400]
    assert first["entry"][0]["response"]["location"] == again["entry"][0]["response"]["location"]
    assert len(every(clinician, "Observation", patient=subject)) == 1


def test_a_batch_has_its_size(clinician: httpx.Client) -> None:
    refused(send(clinician, "POST", "/fhir", _batch(*[("GET", f"Patient/{uuid.uuid4()}", None)] * 501)), 400)
    refused(send(clinician, "POST", "/fhir", b" " * ((4 << 20) + 1)), 413)


def test_a_conditional_create_makes_one(clinician: httpx.Client) -> None:
    value = str(uuid.uuid4())
    known = patient(identifier=[{"system": "urn:mrn", "value": value}])
    query = f"identifier=urn:mrn%7C{value}"
    made = send(clinician, "POST", "/fhir/Patient", known, If_None_Exist=query)
    there = send(clinician, "POST", "/fhir/Patient", known, If_None_Exist=query, Prefer="return=minimal")
    assert (made.status_code, there.status_code, there.text) == (201, 200, "")
    assert there.headers["location"] == made.headers["location"]
    make(clinician, known)
    assert value not in refused(send(clinician, "POST", "/fhir/Patient", known, If_None_Exist=query), 412)
    refused(send(clinician, "PUT", f"/fhir/Patient/{made.json()['id']}", made.json(), If_None_Exist=query), 400)


def test_a_history_is_listed_page_by_page(clinician: httpx.Client, events_of: Look) -> None:
    made = make(clinician, patient())
    place = f"/fhir/Patient/{made['id']}"
    ok(send(clinician, "PUT", place, made | {"active": False}))
    assert clinician.delete(place).status_code == 204
    first = clinician.get(f"{place}/_history", params={"_count": "2"})
    assert [entry["request"]["method"] for entry in ok(first)["entry"]] == ["DELETE", "PUT"]
    following = ok(clinician.get(link(first.json(), "next") or ""))
    assert [entry["request"]["method"] for entry in following["entry"]] == ["POST"]
    assert link(following, "next") is None
    assert one(events_of(first), action="fhir.history", patient=made["id"])
    refused(clinician.get(f"{place}/_history", params={"_at": "2026"}), 400)


def test_everything_about_a_patient(stack: RunningStack, clinician: httpx.Client, events_of: Look) -> None:
    subject = make(clinician, patient())["id"]
    seen = {make(clinician, observation(subject))["id"] for _ in range(3)}
    make(clinician, observation(make(clinician, patient())["id"]))
    answered = clinician.get(f"/fhir/Patient/{subject}/$everything", params={"_count": "3"})
    page = ok(answered)
    found = resources(page) + resources(ok(clinician.get(link(page, "next") or "")))
    assert {each["id"] for each in found} == seen | {subject}
    assert one(events_of(answered), action="fhir.everything", patient=subject)
    refused(clinician.get(f"/fhir/Observation/{next(iter(seen))}/$everything"), 404)
    refused(clinician.get(f"/fhir/Patient/{subject}/$everything", params={"start": "2026"}), 400)
    refused(stack.api("patient").get(f"/fhir/Patient/{subject}/$everything"), 403)


def test_patients_get_everything_about_themselves(stack: RunningStack) -> None:
    client = stack.api("patient")
    me = ok(client.get("/me"))["patient_id"]
    page = ok(client.get(f"/fhir/Patient/{me}/$everything"))
    assert {each["resourceType"] for each in resources(page)}
    assert all(me in json.dumps(entry) for entry in page["entry"] if entry["search"]["mode"] == "match")
