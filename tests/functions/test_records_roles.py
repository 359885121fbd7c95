"""What each role sees and may do over HTTP, and that nobody loses what they can't see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account
from tests.support.answers import ok, refused
from tests.support.fhir import every, exact, make, marks, observation, patient, resources, send, transaction

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

PURPOSES = ["TREATMENT", "PAYMENT", "OPERATIONS", "RESEARCH", "PATIENT_REQUEST", "EMERGENCY"]
THINNED = {"REDACTED", "SUBSETTED"}


@pytest.fixture
def coordinator(stack: RunningStack) -> httpx.Client:
    return stack.api("care_coordinator")


@pytest.fixture
def researcher(stack: RunningStack) -> httpx.Client:
    client = stack.api("researcher")
    client.headers["X-Purpose-Of-Use"] = "RESEARCH"
    return client


def _members(text: str) -> dict[str, Any]:
    return {name: value for name, value in exact(text).items() if name not in ("meta", "id", "resourceType")}


def test_a_clinician_sees_the_whole(clinician: httpx.Client) -> None:
    resource = patient()
    made = make(clinician, resource)
    assert {name: made[name] for name in resource} == resource
    assert marks(made) == set()


def test_a_coordinator_sees_a_part_that_says_so(clinician: httpx.Client, coordinator: httpx.Client) -> None:
    made = make(clinician, patient())
    seen = ok(coordinator.get(f"/fhir/Patient/{made['id']}"))
    assert made["text"]["div"]
    assert set(made) - set(seen) == {"text"}
    assert marks(seen) == THINNED
    weight = make(clinician, observation(made["id"]))
    seen = ok(coordinator.get(f"/fhir/Observation/{weight['id']}"))
    assert {"code", "effectiveDateTime", "valueQuantity"}.isdisjoint(seen)
    assert seen["subject"] == weight["subject"]
    assert marks(seen) == THINNED


def test_what_a_coordinator_puts_back_loses_nothing(clinician: httpx.Client, coordinator: httpx.Client) -> None:
    place = f"/fhir/Patient/{make(clinician, patient(meta={'tag': [{'code': 'mine'}]}))['id']}"
    before = clinician.get(place).text
    thinned = coordinator.get(place)
    assert set(ok(send(coordinator, "PUT", place, thinned.content))) == set(thinned.json())
    assert _members(clinician.get(place).text) == _members(before)
    whole = ok(clinician.get(place))
    assert whole["meta"]["versionId"] == "2"
    assert marks(whole) == set()
    assert whole["meta"]["tag"] == [{"code": "mine"}]


def test_what_a_coordinator_changes_is_changed_and_the_hidden_kept(
    clinician: httpx.Client, coordinator: httpx.Client
) -> None:
    place = f"/fhir/Patient/{make(clinician, patient())['id']}"
    before = ok(clinician.get(place))
    moved = ok(coordinator.get(place)) | {"address": [{"city": "Gjøvik"}]}
    del moved["telecom"]
    ok(send(coordinator, "PUT", place, moved))
    after = ok(clinician.get(place))
    assert after["address"] == [{"city": "Gjøvik"}]
    assert "telecom" not in after
    for name in ("text", "name", "birthDate"):
        assert after[name] == before[name]


def test_a_coordinator_cannot_write_what_they_cannot_see_not_even_the_same(
    clinician: httpx.Client, coordinator: httpx.Client
) -> None:
    made = make(clinician, patient())
    place = f"/fhir/Patient/{made['id']}"
    refused(send(coordinator, "PUT", place, made), 403)
    refused(send(coordinator, "PUT", place, ok(coordinator.get(place)) | {"extension": [{"url": "urn:x"}]}), 403)
    bundle = transaction(("PUT", f"Patient/{made['id']}", made))
    refused(send(coordinator, "POST", "/fhir", bundle), 403)
    refused(coordinator.delete(place), 403)
    refused(send(coordinator, "POST", "/fhir/Patient", patient()), 403)
    assert ok(clinician.get(place))["meta"]["versionId"] == "1"


def _as_the_log_tells(stack: RunningStack, researcher: httpx.Client, id: str) -> str:
    """The pseudonym of a patient: the log names the real id of what was read by each."""
    from tests.support.locked_log import LockedLog

    log = LockedLog(stack)
    for found in every(researcher, "Patient"):
        answer = researcher.get(f"/fhir/Patient/{found['id']}")
        (event,) = log.events(request_id=answer.headers["x-request-id"])
        if event["resource_id"] == id:
            return str(found["id"])
    raise AssertionError("The patient is not among those whom the researcher finds")


@pytest.mark.parametrize("header", ["Zebra", "", "a" * 65, "a b", "über"])
def test_a_project_that_is_no_name(researcher: httpx.Client, header: str) -> None:
    refused(researcher.get("/fhir/Patient", headers=[("X-Research-Project", header.encode())]), 400)


def test_a_project_goes_with_research_alone_and_needs_an_approval(
    stack: RunningStack, clinician: httpx.Client, researcher: httpx.Client, sick: str
) -> None:
    named = {"X-Research-Project": "somebody-elses"}
    refused(clinician.get(f"/fhir/Patient/{sick}", headers=named), 400)
    refused(researcher.get("/fhir/Patient", headers=named), 403)
    stranger = Account(stack, "researcher", stack.tenants[0]).api()
    refused(stranger.get("/fhir/Patient", headers={"X-Purpose-Of-Use": "RESEARCH"}), 403)


def test_a_researcher_sees_no_one(stack: RunningStack, clinician: httpx.Client, researcher: httpx.Client) -> None:
    made = make(clinician, patient())
    mine = make(
        clinician,
        observation(made["id"], note=[{"text": "told by her brother Ivar"}], issued="2026-02-03T08:01:02Z"),
    )
    refused(researcher.get(f"/fhir/Patient/{made['id']}"), 404)
    name = _as_the_log_tells(stack, researcher, made["id"])
    answer = researcher.get(f"/fhir/Patient/{name}")
    seen = ok(answer)
    assert {"last-modified", "etag"}.isdisjoint(answer.headers)
    assert {"lastUpdated", "versionId"}.isdisjoint(seen["meta"])
    assert (seen["birthDate"], seen["gender"], seen["id"]) == ("1957", "female", name)
    assert set(seen) <= {"resourceType", "id", "meta", "birthDate", "gender", "address", "active"}
    assert marks(seen) == THINNED
    (weight,) = every(researcher, "Observation", patient=name)
    assert weight["valueQuantity"]["value"] == 71
    assert weight["subject"] == {"reference": f"Patient/{name}"}
    assert not {made["id"], mine["id"]} & {weight["id"], name}
    refused(researcher.get(f"/fhir/Patient/{name}/_history/1"), 403)
    texts = json.dumps([seen, weight])
    for pseudonym in (name, weight["id"]):  # at random, which any few digits are in now and then
        texts = texts.replace(pseudonym, "")
    for secret in ("Zebrowski", "Jorun", "8003608166690503", "22 85", "Hamar", "60614", "1957-", "2026-", "Ivar"):
        assert secret not in texts


def test_a_researcher_sees_nothing_of_imported_people_either(stack: RunningStack, researcher: httpx.Client) -> None:
    subject = stack.patients()[2]
    whole = ok(stack.api("clinician").get(f"/fhir/Patient/{subject}"))
    secrets = [whole["birthDate"], whole["name"][0]["family"], *whole["name"][0]["given"]]
    secrets += [one["value"] for one in whole["identifier"]]
    name = _as_the_log_tells(stack, researcher, subject)
    found = [ok(researcher.get(f"/fhir/Patient/{name}"))]
    for kind in (
        "Encounter",
        "Observation",
        "Condition",
        "MedicationRequest",
        "DiagnosticReport",
        "AllergyIntolerance",
    ):
        found += every(researcher, kind, patient=name)
    secrets.append(subject)
    assert len(found) > 30
    text = json.dumps(found)
    assert [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize("purpose", [purpose for purpose in PURPOSES if purpose != "RESEARCH"])
def test_a_researcher_has_one_purpose(researcher: httpx.Client, sick: str, purpose: str) -> None:
    refused(researcher.get(f"/fhir/Patient/{sick}", headers={"X-Purpose-Of-Use": purpose}), 403)


def test_a_researcher_writes_nothing(researcher: httpx.Client, sick: str) -> None:
    refused(send(researcher, "POST", "/fhir/Observation", observation(sick)), 403)
    refused(send(researcher, "PUT", f"/fhir/Patient/{sick}", patient() | {"id": sick}), 403)
    refused(researcher.delete(f"/fhir/Patient/{sick}"), 403)


@pytest.mark.parametrize("role", ["tenant_admin", "security_officer", "auditor"])
def test_roles_that_see_no_one(stack: RunningStack, sick: str, role: str) -> None:
    client = stack.api(role)
    for purpose in PURPOSES:
        client.headers["X-Purpose-Of-Use"] = purpose
        refused(client.get(f"/fhir/Patient/{sick}"), 403)
    refused(send(client, "PUT", f"/fhir/Patient/{sick}", patient() | {"id": sick}), 403)
    refused(send(client, "POST", "/fhir/Patient", patient()), 403)
    assert resources(ok(client.get("/fhir/Patient", params={"patient": sick}))) == []


def test_a_privacy_officer_sees_whose_record_it_is(stack: RunningStack, clinician: httpx.Client, sick: str) -> None:
    officer = stack.api("privacy_officer")
    officer.headers["X-Purpose-Of-Use"] = "OPERATIONS"
    seen = ok(officer.get(f"/fhir/Patient/{sick}"))
    assert "text" not in seen
    assert {"name", "birthDate", "telecom"} <= set(seen)
    assert marks(seen) == THINNED
    seen = ok(officer.get(f"/fhir/Observation/{make(clinician, observation(sick))['id']}"))
    assert "valueQuantity" not in seen
    refused(officer.get(f"/fhir/Patient/{sick}", headers={"X-Purpose-Of-Use": "TREATMENT"}), 403)
    refused(send(officer, "PUT", f"/fhir/Patient/{sick}", seen | {"id": sick, "resourceType": "Patient"}), 403)


def test_patients_see_their_own_record_and_no_other(stack: RunningStack, sick: str) -> None:
    client, own = stack.api("patient"), stack.user("patient")["patient_id"]
    assert marks(ok(client.get(f"/fhir/Patient/{own}"))) == set()
    mine = every(client, "Observation")
    assert mine
    assert {one["subject"]["reference"] for one in mine} == {f"Patient/{own}"}
    assert [one["id"] for one in every(client, "Patient")] == [own]
    refused(client.get(f"/fhir/Patient/{sick}"), 403)
    assert resources(ok(client.get("/fhir/Observation", params={"patient": sick}))) == []
    for method, path in (("POST", "/fhir/Observation"), ("POST", "/fhir/Patient")):
        resource = patient() if path.endswith("Patient") else observation(own)
        refused(send(client, method, path, resource), 403)
    refused(send(client, "PUT", f"/fhir/Patient/{own}", patient() | {"id": own}), 403)
    refused(client.delete(f"/fhir/Patient/{own}"), 403)
    for purpose in ("TREATMENT", "EMERGENCY", "RESEARCH"):
        refused(client.get(f"/fhir/Patient/{own}", headers={"X-Purpose-Of-Use": purpose}), 403)


def test_a_clinician_outside_the_care_team(stack: RunningStack, clinician: httpx.Client, sick: str) -> None:
    stranger = Account(stack, "clinician", stack.tenants[0]).api()
    weight = make(clinician, observation(sick))
    for path in (f"/fhir/Patient/{sick}", f"/fhir/Patient/{sick}/_history/1", f"/fhir/Observation/{weight['id']}"):
        refused(stranger.get(path), 403)
    assert every(stranger, "Patient") == []
    assert resources(ok(stranger.get("/fhir/Observation", params={"patient": sick}))) == []
    refused(send(stranger, "POST", "/fhir/Observation", observation(sick)), 403)
    refused(send(stranger, "PUT", f"/fhir/Observation/{weight['id']}", weight), 403)
    refused(stranger.delete(f"/fhir/Observation/{weight['id']}"), 403)
    refused(send(stranger, "POST", "/fhir", transaction(("POST", "Observation", observation(sick)))), 403)
    own = make(stranger, patient())["id"]
    assert [one["id"] for one in every(stranger, "Patient")] == [own]
    refused(clinician.get(f"/fhir/Patient/{own}"), 403)


def test_a_clinician_reads_for_treatment_alone(clinician: httpx.Client, sick: str) -> None:
    ok(clinician.get(f"/fhir/Patient/{sick}", headers={"X-Purpose-Of-Use": "TREATMENT"}))
    for purpose in set(PURPOSES) - {"TREATMENT"}:
        refused(clinician.get(f"/fhir/Patient/{sick}", headers={"X-Purpose-Of-Use": purpose}), 403)


def test_who_was_deleted_is_gone_only_for_those_who_might_have_known(
    stack: RunningStack, clinician: httpx.Client
) -> None:
    place = f"/fhir/Observation/{make(clinician, observation(make(clinician, patient())['id']))['id']}"
    ok(clinician.delete(place), 204)
    refused(clinician.get(place), 410)
    refused(stack.api("tenant_admin").get(place, headers={"X-Purpose-Of-Use": "OPERATIONS"}), 403)
    refused(stack.api("patient").get(place), 403)
    refused(stack.api("clinician", stack.tenants[1]).get(place), 404)
