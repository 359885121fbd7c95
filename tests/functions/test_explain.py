"""Explanations over HTTP: of a user as they stand now, with the deployment's own facts, consents and policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.caller import ABSENT
from tests.support.consents import consent
from tests.support.fhir import make, observation, patient, send

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

PLACE = "/admin/policies/explain"
READ = {"action": "read", "purpose": "TREATMENT", "resource_type": "Observation", "classes": ["clinical"]}


def explained(stack: RunningStack, **about: str) -> dict[str, Any]:
    answer = ok(stack.api("auditor").post(PLACE, json=READ | about))
    [decision] = answer["decisions"]
    return dict(decision)


def test_what_is_explained_is_what_happens(stack: RunningStack) -> None:
    doctor = Account(stack, "clinician", stack.tenants[0]).api()
    stranger = Account(stack, "clinician", stack.tenants[0]).api()
    one = str(make(doctor, patient())["id"])
    weight = f"/fhir/Observation/{make(doctor, observation(one))['id']}"
    mine, theirs = (ok(client.get("/me"))["user_id"] for client in (doctor, stranger))

    assert doctor.get(weight).status_code == 200
    assert explained(stack, user_id=mine, patient=one)["policies"] == [
        {"id": "clinician-treats-patients-of-their-care-team", "tenants_own": False}
    ]
    assert stranger.get(weight).status_code == 403
    denied = explained(stack, user_id=theirs, patient=one)
    assert (denied["allowed"], ["care-team"] in denied["missing"]) == (False, True)

    officer = Account(stack, "privacy_officer", stack.tenants[0]).api()
    given = send(officer, "POST", "/fhir/Consent", consent(one, type="deny"), **{"X-Purpose-Of-Use": "OPERATIONS"})
    assert given.status_code == 201, given.text
    assert doctor.get(weight).status_code == 403
    withheld = explained(stack, user_id=mine, patient=one)
    assert withheld["policies"] == [{"id": "consent-withholds", "tenants_own": False}]
    assert withheld["missing"] == [["withdrawn-denial"]]


def test_nobody_is_told_of_another_tenants_people(stack: RunningStack) -> None:
    elsewhere = ok(Account(stack, "clinician", stack.tenants[1]).api().get("/me"))["user_id"]
    for user_id in (elsewhere, ABSENT):
        answer = stack.api("auditor").post(PLACE, json=READ | {"user_id": user_id})
        assert answer.status_code == 404
    wrong = stack.api("auditor").post(PLACE, json={"user_id": ABSENT, "action": "Zyxwvuts"})
    assert wrong.status_code == 400
    assert "Zyxwvuts" not in wrong.text
