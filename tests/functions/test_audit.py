"""The audit log over HTTP: every request leaves its event, for the auditors of its own tenant and for nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.support.accounts import Account, eventually
from tests.support.answers import MARK, ok, one, refused
from tests.support.fhir import make, observation, patient, send, transaction

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

    type Look = Callable[[httpx.Response], list[dict[str, Any]]]


def test_a_life_of_a_resource(clinician: httpx.Client, events_of: Look, sick: str) -> None:
    me = ok(clinician.get("/me"))
    common = {
        "tenant": me["tenant"],
        "user_id": me["user_id"],
        "session": me["session"],
        "role": "clinician",
        "resource": "Observation",
        "patient": sick,
        "purpose": "TREATMENT",
        "purpose_asserted": False,
        "success": True,
        "error": "",
    }
    created = send(clinician, "POST", "/fhir/Observation", observation(sick))
    id = ok(created, 201)["id"]
    place, common = f"/fhir/Observation/{id}", common | {"resource_id": id}
    clinical = {"administrative", "clinical", "identifying"}
    event = one(events_of(created), action="fhir.create", version=1, risk="LOW", **common)
    assert clinical >= set(event["classes"]) >= {"clinical"}
    assert len(event["envelope"]) == 64

    for answer, action in ((clinician.get(place), "fhir.read"), (clinician.get(f"{place}/_history/1"), "fhir.vread")):
        event = one(events_of(answer), action=action, version=1, risk="LOW", **common)
        assert clinical >= set(event["classes"]) >= {"clinical"}
        assert {"decision:permit", "gdpr:art5.2", "hipaa:164.312.b"} <= set(event["flags"])
        assert event["envelope"] == ""

    changed = send(clinician, "PUT", place, created.json() | {"status": "amended"})
    assert len(one(events_of(changed), action="fhir.update", version=2, **common)["envelope"]) == 64
    deleted = clinician.delete(place)
    one(events_of(deleted), action="fhir.delete", version=3, risk="HIGH", classes=[], **common)
    asked = clinician.get(place)
    refused(asked, 410)
    one(events_of(asked), action="fhir.read", **common | {"success": False, "error": "gone"})


def test_an_asserted_purpose(clinician: httpx.Client, events_of: Look, sick: str) -> None:
    answer = clinician.get(f"/fhir/Patient/{sick}", headers={"X-Purpose-Of-Use": "TREATMENT"})
    event = one(events_of(answer), action="fhir.read", purpose="TREATMENT", purpose_asserted=True, risk="MEDIUM")
    assert "sensitive" in event["classes"]


def test_what_was_released_is_what_is_recorded(stack: RunningStack, events_of: Look, sick: str) -> None:
    seen = stack.api("care_coordinator").get(f"/fhir/Patient/{sick}")
    assert set(one(events_of(seen))["classes"]) == {"administrative", "contact", "identifying"}
    seen = stack.api("researcher").get("/fhir/Patient", params={"_count": 1}, headers={"X-Purpose-Of-Use": "RESEARCH"})
    of_patients = [event for event in events_of(seen) if event["patient"]]
    # One whose consents were looked into, to know whether there is more, has a line too: nothing of theirs left.
    (event,) = (event for event in of_patients if event["classes"])
    assert len(of_patients) == len({event["patient"] for event in of_patients})
    assert len(seen.json()["entry"]) == 1
    assert (event["purpose"], event["classes"]) == ("RESEARCH", ["deidentified"])
    for event in of_patients:
        assert any(flag.startswith("project:") for flag in event["flags"])
        assert event["patient"] not in seen.text


def test_a_search_has_its_intent_and_a_release_for_each_patient(clinician: httpx.Client, events_of: Look) -> None:
    subjects = [make(clinician, patient())["id"] for _ in range(2)]
    answer = clinician.get("/fhir/Patient", params={"_id": ",".join(subjects)})
    ok(answer)
    intent, *releases = sorted(events_of(answer), key=lambda event: event["patient"])  # all of one instant
    assert (intent["action"], intent["patient"], intent["classes"]) == ("fhir.search", "", [])
    assert {event["patient"] for event in releases} == set(subjects)
    assert {event["action"] for event in releases} == {"fhir.search"}
    assert all("identifying" in event["classes"] for event in releases)


def test_a_transaction_has_an_event_for_each_resource(clinician: httpx.Client, events_of: Look, sick: str) -> None:
    entries = [("POST", "Observation", observation(sick)) for _ in range(3)]
    answer = send(clinician, "POST", "/fhir", transaction(*entries))
    ids = {entry["response"]["location"].split("/")[-3] for entry in ok(answer)["entry"]}
    events = events_of(answer)
    assert {event["resource_id"] for event in events} == ids
    assert {(event["action"], event["patient"]) for event in events} == {("fhir.create", sick)}
    assert len({event["object"] for event in events}) == 1


def test_refusals_are_events_too(clinician: httpx.Client, events_of: Look, sick: str) -> None:
    made = make(clinician, observation(sick))
    place = f"/fhir/Observation/{made['id']}"
    known = {"success": False, "patient": sick, "resource": "Observation", "resource_id": made["id"]}
    stale = send(clinician, "PUT", place, made, If_Match='W/"9"')
    one(events_of(stale), action="fhir.update", error="precondition-failed", **known)
    broken = send(clinician, "POST", "/fhir/Observation", observation(sick, encounter={"reference": "Encounter/x"}))
    # Whose the references are is looked up before anything is said to be written.
    one(events_of(broken), action="fhir.create", error="unprocessable", success=False, patient=sick)
    invalid = send(clinician, "POST", "/fhir/Observation", observation(sick, status=MARK))
    one(events_of(invalid), action="fhir.create", error="invalid", success=False)
    absent = clinician.get("/fhir/Observation/0b0f8f1e-1111-4111-8111-0123456789ab")
    one(events_of(absent), action="fhir.read", error="not-found", success=False)
    unknown = clinician.get("/fhir/Patient", params={"name": MARK})
    one(events_of(unknown), action="fhir.search", error="unsupported-parameter", success=False)


def test_a_made_up_id_is_not_recorded(clinician: httpx.Client, events_of: Look) -> None:
    for answer in (clinician.get(f"/fhir/Patient/{MARK}"), clinician.get("/fhir/Patient", params={"patient": MARK})):
        assert MARK not in json.dumps(events_of(answer))


def test_no_purpose_and_a_wrong_one(stack: RunningStack, events_of: Look, sick: str) -> None:
    client = stack.api("tenant_admin")
    answer = client.get(f"/fhir/Patient/{sick}")
    refused(answer, 403)
    known = {"success": False, "role": "tenant_admin", "purpose": "", "purpose_asserted": None, "risk": "MEDIUM"}
    one(events_of(answer), action="fhir.read", resource="Patient", error="purpose-required", **known)
    answer = client.delete(f"/fhir/Patient/{sick}", headers={"X-Purpose-Of-Use": MARK})
    refused(answer, 400)
    assert MARK not in json.dumps(one(events_of(answer), action="fhir.delete", error="invalid", **known))
    answer = send(client, "POST", "/fhir", transaction())
    refused(answer, 403)
    one(events_of(answer), action="fhir.transaction", resource="Bundle", error="purpose-required", **known)


def test_denials_of_a_patients_data_reach_whoever_watches(stack: RunningStack, events_of: Look, sick: str) -> None:
    answer = stack.api("patient").get(f"/fhir/Patient/{sick}")
    refused(answer, 403)
    event = one(events_of(answer), action="fhir.read", error="denied", risk="HIGH", patient=sick)
    alert = eventually(lambda: _alert(stack, event["id"]))
    assert alert == {
        "id": event["id"],
        "risk": "HIGH",
        "action": "fhir.read",
        "tenant": event["tenant"],
        "timestamp": event["timestamp"],
        "error": "denied",
    }


def _alert(stack: RunningStack, id: str) -> dict[str, Any] | None:
    messages = stack.anyone().get(stack.facts["outbox_url"], params={"to": "security-alerts"}).json()
    alerts = [json.loads(message["code"]) for message in messages if message["channel"] == "alert"]
    return next((alert for alert in alerts if alert["id"] == id), None)


def test_sign_ins_and_sessions(stack: RunningStack, events_of: Look, auditor: httpx.Client) -> None:
    account = Account(stack, "clinician", stack.tenants[0])
    asked = account.ask()
    answered = account.answer(ok(asked), account.text_message())
    tokens = ok(answered)
    client = account.api(tokens)
    seen = client.get("/me")
    me = ok(seen)
    # Until the code there is no tenant that the attempt could belong to, so only the issue is the tenant's to see.
    actions = [(event["action"], event["user_id"], event["success"]) for event in events_of(answered)]
    assert ("auth.token-issue", me["user_id"], True) in actions
    profile = one(events_of(seen), action="me.read", classes=["identifying"], session=me["session"])
    assert account.email not in json.dumps(profile)
    out = client.post("/auth/sign-out")
    ok(out, 204)
    one(events_of(out), action="auth.sign-out", user_id=me["user_id"])
    late = client.get("/me")
    refused(late, 401)
    one(events_of(late), action="auth.session-refused", error="unauthenticated", success=False)
    again = account.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    refused(again, 401)
    one(events_of(again), action="auth.token-refresh", error="unauthenticated", success=False)


def test_a_refresh_token_that_came_back_is_critical(stack: RunningStack, events_of: Look) -> None:
    account = Account(stack, "clinician", stack.tenants[0])
    first = account.tokens()["refresh_token"]
    ok(account.post("/auth/refresh", {"refresh_token": first}))
    answer = account.post("/auth/refresh", {"refresh_token": first})
    event = one(events_of(answer), action="auth.token-reuse", risk="CRITICAL", success=False)
    assert eventually(lambda: _alert(stack, event["id"]))["risk"] == "CRITICAL"
