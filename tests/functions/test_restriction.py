"""Restriction of processing over HTTP: it holds for the next read, search and write, and not for the patient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.fhir import make, observation, patient, resources, send

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

type Look = Callable[[httpx.Response], list[dict[str, Any]]]


def test_a_restricted_record_rests_until_it_is_lifted(
    stack: RunningStack, clinician: httpx.Client, events_of: Look
) -> None:
    sick = make(clinician, patient())["id"]
    weight = make(clinician, observation(sick))
    place, path = f"/patients/{sick}/restriction", f"/fhir/Observation/{weight['id']}"
    themself = Account(stack, "patient", stack.tenants[0], patient_id=sick).api()
    officer = Account(stack, "privacy_officer", stack.tenants[0]).api()
    assert ok(officer.get(place))["restriction"] is None
    ok(clinician.get(path))

    restricted = officer.put(place, json={"ground": "accuracy-contested", "purposes": []})
    assert ok(restricted)["restriction"]["ground"] == "accuracy-contested"
    amended = observation(sick, status="amended") | {"id": weight["id"]}
    refused = [
        clinician.get(path),
        clinician.get(f"/fhir/Patient/{sick}"),
        send(clinician, "PUT", path, amended),
        send(clinician, "POST", "/fhir/Observation", observation(sick)),
        clinician.delete(path),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert resources(ok(clinician.get("/fhir/Observation", params={"patient": sick}))) == []
    assert not [one for one in resources(ok(clinician.get("/fhir/Patient"))) if one["id"] == sick]
    assert ok(themself.get(path))["valueQuantity"]["value"] == 71
    assert len(resources(ok(themself.get("/fhir/Observation", params={"patient": sick})))) == 1

    lifted = officer.delete(place)
    assert lifted.status_code == 204
    assert officer.delete(place).status_code == 404
    assert ok(clinician.get(path))["valueQuantity"]["value"] == 71
    assert send(clinician, "PUT", path, amended).status_code == 200
    for answer, action in ((restricted, "restriction.set"), (lifted, "restriction.lift")):
        (event,) = events_of(answer)
        assert (event["action"], event["patient"], event["risk"]) == (action, sick, "HIGH")


def test_only_a_privacy_officer_keeps_it(stack: RunningStack, clinician: httpx.Client) -> None:
    sick = make(clinician, patient())["id"]
    body = {"ground": "objection", "purposes": []}
    for role in ("tenant_admin", "security_officer", "auditor", "care_coordinator"):
        assert stack.api(role).put(f"/patients/{sick}/restriction", json=body).status_code == 403
    ok(clinician.get(f"/fhir/Patient/{sick}"))


def test_a_ground_and_its_purposes_have_to_fit(stack: RunningStack, clinician: httpx.Client) -> None:
    sick = make(clinician, patient())["id"]
    officer = Account(stack, "privacy_officer", stack.tenants[0]).api()
    for body in (
        {"ground": "objection", "purposes": ["PAYMENT"]},
        {"ground": "agreed-request", "purposes": ["TREATMENT"]},
        {"ground": "agreed-request"},
        {"ground": "because", "purposes": []},
    ):
        assert officer.put(f"/patients/{sick}/restriction", json=body).status_code == 400
    ok(officer.put(f"/patients/{sick}/restriction", json={"ground": "agreed-request", "purposes": ["PAYMENT"]}))
    ok(clinician.get(f"/fhir/Patient/{sick}"))
