"""The emergency access procedure over HTTP, from its alert to its review."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from phivault.adapters import fact_rows
from phivault.adapters.session_rows import items
from tests.support.accounts import Account, eventually
from tests.support.answers import ok
from tests.support.fhir import make, observation, patient, resources, send

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

type Look = Callable[[httpx.Response], list[dict[str, Any]]]
EMERGENCY = {"X-Purpose-Of-Use": "EMERGENCY"}
NOTE = "Carried in by Quentin Plover"


@pytest.fixture
def doctor(stack: RunningStack) -> httpx.Client:
    """A clinician who treats nobody, signed in a moment ago."""
    return Account(stack, "clinician", stack.tenants[0]).api()


@pytest.fixture
def officer(stack: RunningStack) -> httpx.Client:
    return Account(stack, "privacy_officer", stack.tenants[0]).api()


@pytest.fixture
def sick(clinician: httpx.Client) -> str:
    """A patient whom another clinician treats."""
    return str(make(clinician, patient())["id"])


def broken(client: httpx.Client, sick: str, **more: str) -> httpx.Response:
    return client.post("/break-glass", json={"patient": sick, "reason": "cannot-be-asked"} | more)


def alerts(stack: RunningStack, id: str) -> list[str]:
    """The texts of the alerts about an event."""
    messages = stack.anyone().get(stack.facts["outbox_url"], params={"to": "security-alerts"}).json()
    return [one["code"] for one in messages if one["channel"] == "alert" and json.loads(one["code"])["id"] == id]


def test_an_emergency_from_the_alert_to_the_verdict(
    stack: RunningStack,
    clinician: httpx.Client,
    doctor: httpx.Client,
    officer: httpx.Client,
    sick: str,
    events_of: Look,
) -> None:
    path = f"/fhir/Observation/{make(clinician, observation(sick))['id']}"
    assert doctor.get(path, headers=EMERGENCY).status_code == 403
    opened = broken(doctor, sick, note=NOTE)
    glass = ok(opened, 201)
    assert (glass["until"] - glass["opened"], glass["review_due"] - glass["opened"]) == (3600, 72 * 3600)
    (event,) = events_of(opened)
    assert (event["action"], event["risk"], event["purpose"]) == ("break-glass.open", "CRITICAL", "EMERGENCY")
    (alert,) = eventually(lambda: alerts(stack, event["id"]))
    assert json.loads(alert)["risk"] == "CRITICAL"
    assert not [word for word in (sick, glass["user_id"], "Plover", "cannot-be-asked") if word in alert]

    read = doctor.get(path, headers=EMERGENCY)
    assert ok(read)["valueQuantity"]["value"] == 71
    (seen,) = events_of(read)
    assert (seen["purpose"], seen["patient"], seen["risk"]) == ("EMERGENCY", sick, "HIGH")
    whole = ok(doctor.get(f"/fhir/Patient/{sick}", headers=EMERGENCY))
    assert "afraid of needles" in whole["text"]["div"]
    found = ok(doctor.get("/fhir/Observation", params={"patient": sick}, headers=EMERGENCY))
    assert len(resources(found)) == 1
    assert send(doctor, "POST", "/fhir/Observation", observation(sick), **EMERGENCY).status_code == 201
    assert doctor.get(path).status_code == 403  # for treatment they are a stranger as before

    place = f"/break-glass/{glass['id']}"
    assert broken(doctor, sick).status_code == 409
    assert officer.post(f"{place}/review", json={"verdict": "justified"}).status_code == 409
    assert ok(doctor.post(f"{place}/end"))["state"] == "ended"
    assert doctor.get(path, headers=EMERGENCY).status_code == 403
    assert doctor.post(f"{place}/end").status_code == 409
    assert doctor.post(f"{place}/review", json={"verdict": "justified"}).status_code == 403
    assert ok(officer.get(place))["note"] == NOTE
    assert "note" not in ok(doctor.get(place))
    judged = officer.post(f"{place}/review", json={"verdict": "unjustified", "note": "No emergency: Plover visited"})
    assert ok(judged)["state"] == "reviewed"
    (verdict,) = events_of(judged)
    assert (verdict["action"], verdict["risk"]) == ("break-glass.review", "CRITICAL")
    assert officer.post(f"{place}/review", json={"verdict": "justified"}).status_code == 409


def test_the_log_shows_it_as_an_emergency_override(
    stack: RunningStack, doctor: httpx.Client, sick: str, events_of: Look
) -> None:
    opened = broken(doctor, sick)
    read = doctor.get(f"/fhir/Patient/{sick}", headers=EMERGENCY)
    for answer, subtype in ((opened, "110127"), (read, "read")):
        (event,) = events_of(answer)
        shown = ok(stack.api("auditor").get(f"/fhir/AuditEvent/{event['id']}"))
        assert shown["subtype"][0]["code"] == subtype
        assert shown["purposeOfEvent"][0]["coding"][0]["code"] == "ETREAT"


def test_each_sees_their_own_and_officers_all(
    stack: RunningStack, doctor: httpx.Client, officer: httpx.Client, sick: str
) -> None:
    id = ok(broken(doctor, sick), 201)["id"]
    other = Account(stack, "clinician", stack.tenants[0]).api()
    far = Account(stack, "privacy_officer", stack.tenants[1]).api()
    listed = {who: ok(who.get("/break-glass"))["break_glass"] for who in (doctor, other, officer, far)}
    assert [glass["id"] for glass in listed[doctor]] == [id]
    assert listed[other] == []
    assert (id in str(listed[officer]), id in str(listed[far])) == (True, False)
    for who in (other, far):
        assert who.get(f"/break-glass/{id}").status_code == 404
        assert who.post(f"/break-glass/{id}/end").status_code == 404
    assert far.post(f"/break-glass/{id}/review", json={"verdict": "justified"}).status_code == 404


def test_an_overdue_review_is_told_of_and_suspends_until_the_verdict(
    stack: RunningStack, doctor: httpx.Client, officer: httpx.Client, sick: str, events_of: Look
) -> None:
    """Three days pass by moving what the rows say."""
    glass = ok(broken(doctor, sick), 201)
    tenant, user, id = stack.tenants[0], glass["user_id"], glass["id"]
    path = f"/fhir/Patient/{sick}"
    ok(doctor.get(path, headers=EMERGENCY))
    stack.aws("dynamodb").update_item(
        TableName=stack.environment_of("access")["PHIVAULT_ACCESS_STATE_TABLE"],
        Key=items(fact_rows.standing_key(tenant, user)),
        UpdateExpression="SET #review = :past",
        ExpressionAttributeNames={"#review": fact_rows.REVIEW + id},
        ExpressionAttributeValues=items({":past": glass["opened"] - 1}),
    )
    assert doctor.get(path, headers=EMERGENCY).status_code == 403
    refused = broken(doctor, stack.patients()[0])
    assert refused.status_code == 403
    (event,) = events_of(refused)
    assert (event["action"], event["success"], event["risk"]) == ("break-glass.open", False, "HIGH")
    ok(doctor.post(f"/break-glass/{id}/end"))
    ok(officer.post(f"/break-glass/{id}/review", json={"verdict": "justified"}))
    ok(broken(doctor, stack.patients()[0]), 201)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"patient": "0b0f8f1e-1111-4111-8111-0123456789ab"},
        {"patient": "0b0f8f1e-1111-4111-8111-0123456789ab", "reason": "he fell"},
        {"patient": "Plover", "reason": "transfer"},
        {"patient": "0b0f8f1e-1111-4111-8111-0123456789ab", "reason": "transfer", "note": "P" * 501},
    ],
)
def test_a_body_that_does_not_say_it_is_refused_and_not_repeated(doctor: httpx.Client, body: dict[str, str]) -> None:
    answer = doctor.post("/break-glass", json=body)
    assert answer.status_code == 400
    assert "Plover" not in answer.text
    assert "fell" not in answer.text
