"""Attacks on the order of record and release (DESIGN, P1): whatever becomes of the audit bucket, nobody is told
anything, gets tokens or changes a record before the event is locked."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.support.aws_proxy import Fault
from tests.support.beside import Beside
from tests.support.bounded import ends_by_itself
from tests.support.locked_log import LockedLog
from tests.support.stack import RunningStack

FAULTS = list(Fault)


def nothing_released(answer: httpx.Response, *values: str) -> None:
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    said = answer.text.lower()
    assert not [value for value in (*values, "birthdate", "family", "access_token") if value.lower() in said]


@pytest.fixture
def patient(stack: RunningStack) -> tuple[str, dict[str, Any]]:
    """A patient of the clinician's, and the resource."""
    id = stack.patients()[1]
    return id, stack.api("clinician").get(f"/fhir/Patient/{id}").raise_for_status().json()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
def test_a_read(beside: Beside, locked_log: LockedLog, patient: Any, fault: Fault) -> None:
    id, resource = patient
    clinician = beside.api("clinician")
    assert clinician.get(f"/fhir/Patient/{id}").json() == resource
    beside.s3.fail(fault)
    with ends_by_itself():
        nothing_released(clinician.get(f"/fhir/Patient/{id}"), resource["name"][0]["family"], resource["birthDate"])
    beside.s3.heal()
    assert clinician.get(f"/fhir/Patient/{id}").json() == resource
    locked_log.chains_hold()


def test_an_answer_that_is_lost_once_delays_the_read_and_records_it_once(
    beside: Beside, locked_log: LockedLog, patient: Any
) -> None:
    id, resource = patient
    clinician = beside.api("clinician")
    clinician.get(f"/fhir/Patient/{id}")
    before = len(locked_log.events(resource_id=id))
    beside.s3.calls.clear()
    beside.s3.fail(Fault.LOST, once=True)
    assert clinician.get(f"/fhir/Patient/{id}").json() == resource
    assert beside.s3.calls == ["s3 PUT", "s3 PUT", "s3 HEAD"]  # sent again, found there, recognised as its own
    assert len(locked_log.events(resource_id=id)) == before + 1


def calls(patient: str) -> dict[str, Callable[[Beside], httpx.Response]]:
    """Everything that releases or changes something, or says why it doesn't."""
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Glucose"},
        "subject": {"reference": f"Patient/{patient}"},
    }
    entry = {"resource": observation, "request": {"method": "POST", "url": "Observation"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    return {
        "an older version": lambda b: b.api("clinician").get(f"/fhir/Patient/{patient}/_history/1"),
        "search": lambda b: b.api("clinician").get("/fhir/Observation", params={"patient": patient}),
        "create": lambda b: b.api("clinician").post("/fhir/Observation", json=observation),
        "update": lambda b: b.api("clinician").put(
            f"/fhir/Patient/{patient}", json={"resourceType": "Patient", "id": patient, "active": False}
        ),
        "delete": lambda b: b.api("clinician").delete(f"/fhir/Patient/{patient}"),
        "transaction": lambda b: b.api("clinician").post("/fhir", json=bundle),
        "a read that is denied": lambda b: b.api("clinician", "tenant-b").get(f"/fhir/Patient/{patient}"),
        "a read of nothing": lambda b: b.api("clinician").get(f"/fhir/Patient/{uuid.uuid4()}"),
        "the log itself": lambda b: b.api("auditor").get("/audit/events"),
        "who am I": lambda b: b.api("clinician").get("/me"),
        "a wrong password": lambda b: b.client().post("/auth/sign-in", json=credentials(b, password="wrong-Password1")),
        "a right password": lambda b: b.client().post("/auth/sign-in", json=credentials(b)),
    }


def credentials(beside: Beside, **changes: str) -> dict[str, str]:
    user = beside.stack.user("care_coordinator")
    return {"email": user["email"], "password": user["password"]} | changes


def test_every_call_while_the_bucket_refuses(beside: Beside, stack: RunningStack, patient: Any) -> None:
    id, resource = patient
    asked = calls(id)
    clinician = stack.api("clinician")
    observations = count(clinician, id)
    for what in ("an older version", "the log itself", "who am I", "a wrong password"):  # start what answers
        asked[what](beside)
    beside.s3.fail(Fault.FORBIDDEN)  # the quickest to tell: the other faults last until the deadline, as above
    for what, call in asked.items():
        answer = call(beside)
        assert answer.status_code == 503, (what, answer.status_code, answer.text)
        nothing_released(answer, resource["name"][0]["family"], stack.user("clinician")["email"])
    beside.s3.heal()
    assert clinician.get(f"/fhir/Patient/{id}").json() == resource
    assert count(clinician, id) == observations


def count(client: httpx.Client, patient: str) -> int:
    found = client.get("/fhir/Observation", params={"patient": patient, "_count": 100}).raise_for_status().json()
    return len(found["entry"])


def test_a_right_code_yields_no_tokens(beside: Beside, stack: RunningStack) -> None:
    user, anyone = stack.user("care_coordinator"), beside.client()
    asked = anyone.post("/auth/sign-in", json=credentials(beside)).raise_for_status().json()
    body = {"challenge": asked["challenge"], "session": asked["session"], "email": user["email"]}
    beside.s3.fail(Fault.REFUSED)
    nothing_released(anyone.post("/auth/challenge", json=body | {"code": stack.code("care_coordinator")}))
    beside.s3.heal()
    assert "access_token" in stack.sign_in("care_coordinator")


@pytest.mark.parametrize("fault", [Fault.FORBIDDEN, Fault.SILENT, Fault.LOST], ids=lambda fault: fault.name.lower())
def test_an_index_out_of_reach_holds_up_nothing(
    beside: Beside, locked_log: LockedLog, patient: Any, fault: Fault
) -> None:
    """The log alone is the authority: what is locked may be released, and is found in the log."""
    id, resource = patient
    before = len(locked_log.events(resource_id=id))
    beside.aws.fail(fault, only="dynamodb BatchWriteItem")
    assert beside.api("clinician").get(f"/fhir/Patient/{id}").json() == resource
    assert "dynamodb BatchWriteItem" in beside.aws.calls
    assert len(locked_log.events(resource_id=id)) == before + 1


def in_days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


@pytest.fixture
def s3(stack: RunningStack) -> Any:
    """With what ``demo.json`` tells: every right over the bucket."""
    return stack.aws("s3")


@pytest.fixture
def held(stack: RunningStack, s3: Any, locked_log: LockedLog) -> Any:
    """A read's audit object, which must stand as it was when the test ends."""
    stack.api("clinician").get(f"/fhir/Patient/{stack.patients()[1]}").raise_for_status()
    locked_log.lines()
    key = sorted(locked_log.objects)[-1]
    place = {"Bucket": stack.facts["audit_bucket"], "Key": key}
    version = s3.head_object(**place)["VersionId"]
    yield place | {"VersionId": version}
    assert s3.get_object(**place)["Body"].read() == locked_log.objects[key]
    versions = s3.list_object_versions(Bucket=place["Bucket"], Prefix=key)
    assert [entry["VersionId"] for entry in versions["Versions"]] == [version]
    assert "DeleteMarkers" not in versions


ATTEMPTS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "delete the version": ("delete_object", {}, True),
    "delete it past governance": ("delete_object", {"BypassGovernanceRetention": True}, True),
    "hide it behind a marker": ("delete_object", {}, False),
    "overwrite": ("put_object", {"Body": b"{}"}, False),
    "overwrite as the recorder writes": ("put_object", {"Body": b"{}", "IfNoneMatch": "*"}, False),
    "retain it shorter": (
        "put_object_retention",
        {"Retention": {"Mode": "COMPLIANCE", "RetainUntilDate": in_days(1)}},
        True,
    ),
    "lock it weaker": (
        "put_object_retention",
        {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": in_days(9000)}, "BypassGovernanceRetention": True},
        True,
    ),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_who_holds_the_bucket_keeps_the_record(s3: Any, held: dict[str, str], attempt: str) -> None:
    operation, arguments, by_version = ATTEMPTS[attempt]
    place = {name: value for name, value in held.items() if by_version or name != "VersionId"}
    with pytest.raises(ClientError) as refused:
        getattr(s3, operation)(**place, **arguments)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403, 412}


def test_nor_does_the_bucket_go_or_stop_keeping_versions(s3: Any, held: dict[str, str]) -> None:
    with pytest.raises(ClientError):
        s3.delete_bucket(Bucket=held["Bucket"])
    with pytest.raises(ClientError):
        s3.put_bucket_versioning(Bucket=held["Bucket"], VersioningConfiguration={"Status": "Suspended"})
