"""PATCH, $validate, _summary and _elements over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.answers import ok, refused
from tests.support.fhir import NAME, make, observation, patch, patient, send

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack


@pytest.fixture(scope="module")
def clinician(stack: RunningStack) -> httpx.Client:
    return stack.api("clinician")


@pytest.fixture
def sick(clinician: httpx.Client) -> str:
    return str(make(clinician, patient())["id"])


def test_a_patch_makes_the_next_version(clinician: httpx.Client, sick: str) -> None:
    path = f"/fhir/Patient/{sick}"
    changed = ok(patch(clinician, path, ("test", "/gender", "female"), ("replace", "/birthDate", "1957-03-05")))
    assert (changed["birthDate"], changed["meta"]["versionId"]) == ("1957-03-05", "2")
    assert ok(clinician.get(path))["birthDate"] == "1957-03-05"
    assert ok(clinician.get(f"{path}/_history/1"))["birthDate"] == "1957-03-04"


def test_a_patch_that_does_not_apply_changes_nothing(clinician: httpx.Client, sick: str) -> None:
    path = f"/fhir/Patient/{sick}"
    answer = patch(clinician, path, ("remove", "/address"), ("test", "/name/0/family", "Somebody"))
    refused(answer, 422)
    assert NAME not in answer.text
    refused(patch(clinician, path, ("replace", "/id", "x")), 400)
    refused(send(clinician, "PATCH", path, [], Content_Type="application/fhir+json"), 415)
    refused(send(clinician, "PATCH", path, [], Content_Type="application/json"), 415)
    assert ok(clinician.get(path))["meta"]["versionId"] == "1"


def test_what_is_asked_for_in_part_is_not_put_back(clinician: httpx.Client, sick: str) -> None:
    path = f"/fhir/Patient/{sick}"
    part = ok(clinician.get(path, params={"_elements": "birthDate,active"}))
    assert part.keys() == {"resourceType", "id", "meta", "birthDate", "active"}
    refused(send(clinician, "PUT", path, part), 422)
    assert NAME not in clinician.get(path, params={"_summary": "text"}).text.split('"text"')[0]
    assert "text" not in ok(clinician.get(path, params={"_summary": "data"}))
    old = ok(clinician.get(f"{path}/_history/1", params={"_summary": "true"}))
    assert old["meta"]["tag"][0]["code"] == "SUBSETTED"
    refused(clinician.get(path, params={"_elements": "name,nosuch"}), 400)
    refused(clinician.get(path, params={"_pretty": "true"}), 400)


def test_validation_says_what_is_wrong_and_keeps_nothing(clinician: httpx.Client, sick: str) -> None:
    def said(resource: dict[str, object]) -> list[dict[str, object]]:
        issues: list[dict[str, object]] = ok(send(clinician, "POST", "/fhir/Observation/$validate", resource))["issue"]
        return issues

    assert said(observation(sick))[0]["severity"] == "information"
    (wrong,) = said(observation(sick, status="nearly"))
    assert (wrong["severity"], wrong["expression"]) == ("error", ["Observation.status"])
    assert said(observation("0199b3c2-0000-7000-8000-000000000009"))[0]["severity"] == "error"
    assert ok(clinician.get("/fhir/Observation", params={"patient": sick})).get("entry", []) == []
