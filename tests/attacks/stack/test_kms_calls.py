"""What a request costs at the key service, counted on the way there (DESIGN, P10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.answers import ok, persistently
from tests.support.beside import Beside


@pytest.fixture
def kms(beside: Beside) -> Callable[[Callable[[], httpx.Response]], list[str]]:
    """``kms(request)`` makes the request, which must succeed, and answers the calls to KMS meanwhile."""

    def count(request: Callable[[], httpx.Response]) -> list[str]:
        beside.aws.calls.clear()
        assert request().status_code in {200, 201}
        return [call for call in beside.aws.calls if call.startswith("kms ")]

    return count


def test_a_new_environment_unwraps_the_context_key_and_the_subject_key_once(beside: Beside, kms: Any) -> None:
    clinician, patient = beside.api("clinician"), beside.stack.patients()[0]
    beside.forget("records")
    assert kms(lambda: clinician.get(f"/fhir/Patient/{patient}")) == ["kms Decrypt", "kms Decrypt"]
    assert kms(lambda: clinician.get(f"/fhir/Patient/{patient}")) == []


def test_a_new_environment_unwraps_the_key_of_the_index_with_its_first_write(beside: Beside, kms: Any) -> None:
    clinician, patient = beside.api("clinician"), beside.stack.patients()[0]
    beside.forget("records")
    ok(persistently(clinician, "GET", f"/fhir/Patient/{patient}"))
    assert kms(lambda: clinician.post("/fhir/Observation", json=an_observation(patient))) == ["kms Decrypt"]
    assert kms(lambda: clinician.post("/fhir/Observation", json=an_observation(patient))) == []


def test_a_cold_subject_costs_one_call_and_a_warm_one_none(beside: Beside, kms: Any) -> None:
    clinician, (warm, cold, *_) = beside.api("clinician"), beside.stack.patients()[5:]
    # This takes the key of the index too.
    ok(persistently(clinician, "POST", "/fhir/Observation", json=an_observation(warm)), 201)
    assert kms(lambda: clinician.get(f"/fhir/Patient/{cold}")) == ["kms Decrypt"]
    for request in (
        lambda: clinician.get(f"/fhir/Patient/{cold}"),
        lambda: clinician.get(f"/fhir/Patient/{cold}/_history/1"),
        lambda: clinician.get("/fhir/Observation", params={"patient": cold}),
        lambda: clinician.post("/fhir/Observation", json=an_observation(cold)),
    ):
        assert kms(request) == []


def test_another_role_reads_a_warm_subject_without_the_key_service(beside: Beside, kms: Any) -> None:
    clinician, patient = beside.api("clinician"), beside.stack.patients()[0]
    ok(persistently(clinician, "GET", f"/fhir/Patient/{patient}"))
    researcher = beside.api("researcher")
    headers = {"X-Purpose-Of-Use": "RESEARCH"}
    found = researcher.get("/fhir/Patient", params={"_count": 1}, headers=headers).json()["entry"]
    name = found[0]["resource"]["id"]
    assert kms(lambda: researcher.get(f"/fhir/Patient/{name}", headers=headers)) == []


def test_a_new_patient_costs_one_call(beside: Beside, kms: Any) -> None:
    clinician = beside.api("clinician")
    clinician.post("/fhir/Observation", json=an_observation(beside.stack.patients()[0]))
    new = {"resourceType": "Patient", "active": True}
    assert kms(lambda: clinician.post("/fhir/Patient", json=new)) == ["kms GenerateDataKey"]


def test_who_signs_in_again_calls_once_and_a_request_of_theirs_never(beside: Beside, kms: Any) -> None:
    """The session keeps the person sealed: a request from the same place seals nothing."""
    me = beside.api("auditor")
    assert kms(lambda: me.get("/me")) == ["kms Decrypt"]  # it shows the address, which is unsealed
    assert kms(lambda: me.get("/me")) == []


def an_observation(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
        "subject": {"reference": f"Patient/{patient}"},
    }
