"""Somebody reads on after a patient said no, or writes a consent to give themself what nobody gave them. Over HTTP."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account, eventually
from tests.support.answers import MARK, ok, refused
from tests.support.consents import consent, labels, purposes, role, user
from tests.support.fhir import every, make, observation, patient, resources, send, transaction

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

ABSENT = "0b0f8f1e-1111-4111-8111-0123456789ab"
READS = 8
"""That each denial meets at least."""
NOTE = {"note": [{"text": "told in confidence"}]}


@dataclass
class Case:
    """A patient with an account, the clinician who treats them, and a colleague in the care team who stands there
    without the sensitive class."""

    id: str
    person: httpx.Client
    keeper: httpx.Client
    colleague: httpx.Client
    colleague_id: str
    weight: dict[str, Any]

    @property
    def place(self) -> str:
        return f"/fhir/Observation/{self.weight['id']}"

    @contextmanager
    def said(self, by: httpx.Client | None = None, **provision: Any) -> Iterator[str]:
        """A Consent in force, withdrawn at the end. Its place."""
        by = by or self.person
        made = make(by, consent(self.id, **provision))
        place = f"/fhir/Consent/{made['id']}"
        try:
            yield place
        finally:
            ok(send(by, "PUT", place, consent(self.id, status="inactive") | {"id": made["id"]}))


@pytest.fixture(scope="module")
def case(stack: RunningStack) -> Case:
    tenant = stack.tenants[0]
    keeper, colleague = (Account(stack, "clinician", tenant).api() for _ in range(2))
    id = make(keeper, patient())["id"]
    colleague_id = ok(colleague.get("/me"))["user_id"]
    ok(keeper.put(f"/patients/{id}/care-team/{colleague_id}", json={"sensitive": False}))
    person = Account(stack, "patient", tenant, patient_id=id).api()
    return Case(id, person, keeper, colleague, colleague_id, make(keeper, observation(id, **NOTE)))


@pytest.fixture
def officer(stack: RunningStack) -> httpx.Client:
    client = stack.api("privacy_officer")
    client.headers["X-Purpose-Of-Use"] = "OPERATIONS"
    return client


def closed(case: Case, client: httpx.Client) -> None:
    body = observation(case.id) | {"id": case.weight["id"]}
    refused(client.get(case.place), 403)
    refused(client.get(case.place + "/_history/1"), 403)
    refused(client.get(f"/fhir/Patient/{case.id}"), 403)
    # What would be a lost race, or nothing at all, for who may see it says the same to who may not.
    for condition in ({}, {"If_Match": 'W/"1"'}, {"If_Match": 'W/"9"'}):
        refused(send(client, "PUT", case.place, body, **condition), 403)
        refused(send(client, "DELETE", case.place, **condition), 403)
    refused(send(client, "POST", "/fhir", transaction(("PUT", f"Observation/{case.weight['id']}", body))), 403)
    for parameters in ({"patient": case.id}, {"_id": case.weight["id"]}, {}):
        page = ok(client.get("/fhir/Observation", params=parameters))
        assert resources(page) == []
        assert "total" not in page
        assert [one["relation"] for one in page["link"]] == ["self"]


def test_a_no_holds_for_the_next_request_and_its_end_too(case: Case) -> None:
    ok(case.colleague.get(case.place))
    with case.said(type="deny", actor=[user(case.colleague_id)]) as place:
        closed(case, case.colleague)
        ok(case.keeper.get(case.place))
        assert ok(case.person.get(case.place))["note"]
        ok(send(case.person, "PUT", place, consent(case.id, status="inactive") | {"id": place.rpartition("/")[2]}))
        ok(case.colleague.get(case.place))
        assert len(every(case.colleague, "Observation", patient=case.id)) == 1
    made = make(case.person, consent(case.id, type="deny", actor=[role("clinician")]))
    closed(case, case.colleague)
    closed(case, case.keeper)
    ok(case.person.delete(f"/fhir/Consent/{made['id']}"), 204)
    ok(case.colleague.get(case.place))
    ok(case.keeper.get(case.place))


def test_a_class_alone_is_withheld(case: Case) -> None:
    with case.said(type="deny", securityLabel=labels("clinical")):
        seen = ok(case.keeper.get(case.place))
        assert "valueQuantity" not in seen
        assert seen["subject"]
        # Who can't see it can't put it back either: not even the same.
        refused(send(case.keeper, "PUT", case.place, case.weight), 403)
    assert ok(case.keeper.get(case.place))["valueQuantity"]


def test_a_yes_opens_the_sensitive_class_to_the_care_team_while_it_holds(case: Case) -> None:
    assert "note" not in ok(case.colleague.get(case.place))
    with case.said(type="permit", securityLabel=labels("sensitive"), purpose=purposes("TREAT")):
        assert ok(case.colleague.get(case.place))["note"] == NOTE["note"]
    assert "note" not in ok(case.colleague.get(case.place))


def test_a_yes_to_a_person_opens_to_nobody_else(stack: RunningStack, case: Case) -> None:
    one, other = (Account(stack, "clinician", stack.tenants[0]).api() for _ in range(2))
    with case.said(type="permit", actor=[user(ok(one.get("/me"))["user_id"])]):
        assert "note" not in ok(one.get(case.place))
        assert len(every(one, "Observation", patient=case.id)) == 1
        refused(send(one, "PUT", case.place, case.weight), 403)
        refused(other.get(case.place), 403)
        refused(one.get(case.place, headers={"X-Purpose-Of-Use": "EMERGENCY"}), 403)
        refused(one.get(case.place, headers={"X-Purpose-Of-Use": "PATIENT_REQUEST"}), 403)
    refused(one.get(case.place), 403)


def test_no_read_that_begins_after_the_answer_releases(case: Case) -> None:
    """The colleague reads without a pause from four threads while the patient says no, and yes, and no."""
    denials: list[tuple[float, float]] = []
    reads: list[tuple[float, float, int]] = []
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            begun = time.monotonic()
            status = case.colleague.get(case.place).status_code
            reads.append((begun, time.monotonic(), status))

    def some(since: float, until: float = math.inf) -> list[int]:
        """What was answered to reads that lie wholly between; 503 releases nothing and says nothing."""
        return [status for begun, ended, status in list(reads) if since <= begun and ended < until and status != 503]

    readers = [threading.Thread(target=go_on) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(3):
            open_since = time.monotonic()
            eventually(lambda since=open_since: some(since))
            with case.said(type="deny", actor=[user(case.colleague_id)]):
                denied_since = time.monotonic()
                eventually(lambda since=denied_since: len(some(since)) >= READS)
                denials.append((denied_since, time.monotonic()))
    finally:
        over.set()
        for reader in readers:
            reader.join()
    # One that is answered after the end of a denial may have been decided after it.
    within = [some(*denial) for denial in denials]
    assert [set(statuses) for statuses in within] == [{403}] * 3
    assert set(some(0)) == {200, 403}


def test_a_clinician_writes_no_consent(stack: RunningStack, case: Case) -> None:
    stranger = Account(stack, "clinician", stack.tenants[0]).api()
    for client in (stranger, case.keeper, case.colleague):
        own = ok(client.get("/me"))["user_id"]
        permit = consent(case.id, type="permit", actor=[user(own)])
        refused(send(client, "POST", "/fhir/Consent", permit), 403)
        entries = ("POST", "Consent", permit), ("POST", "Observation", observation(case.id))
        refused(send(client, "POST", "/fhir", transaction(*entries)), 403)
    refused(stranger.get(case.place), 403)


def test_nobody_takes_back_a_no_but_the_patient_and_who_keeps_consents(case: Case, officer: httpx.Client) -> None:
    with case.said(type="deny", actor=[user(case.colleague_id)]) as place:
        inactive = consent(case.id, status="inactive") | {"id": place.rpartition("/")[2]}
        for client in (case.colleague, case.keeper):
            refused(send(client, "PUT", place, inactive), 403)
            refused(client.delete(place), 403)
        entries = ("PUT", place.removeprefix("/fhir/"), inactive), ("PUT", case.place[6:], case.weight)
        # Written by somebody who may, it still opens nothing for the transaction that it stands in.
        for client in (case.colleague, case.person, officer):
            refused(send(client, "POST", "/fhir", transaction(*entries)), 403)
        closed(case, case.colleague)


def test_a_privacy_officer_names_nobody_of_their_own(case: Case, officer: httpx.Client) -> None:
    own = ok(officer.get("/me"))["user_id"]
    for provision in (
        {"type": "permit", "actor": [user(own)]},
        {"type": "permit", "actor": [role("privacy_officer")], "securityLabel": labels("sensitive")},
        {"type": "permit", "securityLabel": labels("sensitive")},
        {"type": "deny", "provision": [{"type": "permit", "actor": [user(own)]}]},
    ):
        text = refused(send(officer, "POST", "/fhir/Consent", consent(case.id, **provision)), 422)
        assert "Consent.provision.actor" in text
    assert "note" not in ok(officer.get(case.place))
    with case.said(officer, type="deny") as place:
        refused(officer.get(case.place), 403)
        ok(officer.get(place))  # what was given on paper can be taken back on paper


def test_what_is_not_enforced_is_not_taken(case: Case) -> None:
    deep: dict[str, Any] = {"type": "deny"}
    for level in range(4):
        deep = {"type": ("permit", "deny")[level % 2], "provision": [deep]}
    for provision, element in (
        ({"type": "deny", "code": [{"text": MARK}]}, "provision.code"),
        ({"type": "deny", "class": [{"code": "Observation"}]}, "provision.class"),
        ({"type": "deny", "data": [{"meaning": "instance", "reference": {"reference": case.place[6:]}}]}, ".data"),
        ({"type": "deny", "actor": [user(MARK)]}, "provision.actor[0].reference.identifier.value"),
        ({"type": "deny", "extension": [{"url": "urn:x", "valueString": MARK}]}, "provision.extension"),
        (deep, "provision.provision[0].provision[0].provision[0].provision[0]"),
        ({"type": "deny", "provision": [{"type": "permit"}] * 51}, "provision.provision[50]"),
    ):
        text = refused(send(case.person, "POST", "/fhir/Consent", consent(case.id, **provision)), 422)
        assert f"{element} " in text
    huge = consent(case.id, type="deny", provision=[{"type": "permit", "actor": [role("clinician")] * 101}])
    refused(send(case.person, "POST", "/fhir/Consent", huge), 422)
    refused(send(case.person, "POST", "/fhir/Consent", consent(case.id)), 422)
    refused(send(case.keeper, "POST", "/fhir/Observation", observation(case.id, contained=[huge | {"id": "c"}])), 400)


def test_a_patient_speaks_for_nobody_else(stack: RunningStack, case: Case) -> None:
    other = stack.patients()[0]
    answer = refused(send(case.person, "POST", "/fhir/Consent", consent(other, type="deny")), 403)
    assert other not in answer
    refused(send(case.person, "POST", "/fhir/Consent", consent(ABSENT, type="deny")), 422)


def test_the_history_of_a_consent_is_the_patients_own(stack: RunningStack, case: Case, officer: httpx.Client) -> None:
    with case.said(type="deny", actor=[user(case.colleague_id)]) as place:
        pass
    for client in (case.person, officer):
        first = ok(client.get(place + "/_history/1"))
        assert first["status"] == "active"
        assert first["provision"]["actor"] == [user(case.colleague_id)]
        assert ok(client.get(place + "/_history/2"))["status"] == "inactive"
    stranger = Account(stack, "clinician", stack.tenants[0]).api()
    researcher, auditor = stack.api("researcher"), stack.api("auditor")
    researcher.headers["X-Purpose-Of-Use"] = "RESEARCH"
    auditor.headers["X-Purpose-Of-Use"] = "OPERATIONS"
    for client in (stranger, auditor, researcher):
        for version in (1, 2, 3):
            assert client.get(f"{place}/_history/{version}").status_code in (403, 404)
        assert resources(ok(client.get("/fhir/Consent", params={"patient": case.id}))) == []
    seen = ok(case.colleague.get(place))  # of the care team: that there is one, not what it withholds from whom
    assert "provision" not in seen
    refused(stack.api("clinician", stack.tenants[1]).get(place), 404)


def test_a_relative_is_no_way_around(case: Case) -> None:
    relative = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{case.id}"}, "active": True}
    person = make(case.keeper, relative)
    place = f"/fhir/RelatedPerson/{person['id']}"
    ok(case.colleague.get(place))
    with case.said(type="deny", actor=[user(case.colleague_id)]):
        refused(case.colleague.get(place), 403)
        assert resources(ok(case.colleague.get("/fhir/RelatedPerson", params={"patient": case.id}))) == []
        # Nor by what refers to it: the referring resource is about the same patient.
        referring = observation(case.id, hasMember=[{"reference": case.place.removeprefix("/fhir/")}])
        made = send(case.colleague, "POST", "/fhir/Observation", referring)
        if made.status_code == 201:
            refused(case.colleague.get(f"/fhir/Observation/{made.json()['id']}"), 403)


def test_every_step_is_on_record(stack: RunningStack, case: Case) -> None:
    from tests.support.locked_log import LockedLog

    log = LockedLog(stack)
    with case.said(type="deny", actor=[user(case.colleague_id)]) as place:
        answer = case.colleague.get(case.place)
        refused(answer, 403)
        listed = case.colleague.get("/fhir/Observation", params={"_id": case.weight["id"]})
    denied = log.events(request_id=answer.headers["x-request-id"])
    assert [(event["action"], event["success"], event["patient"]) for event in denied] == [
        ("fhir.read", False, case.id)
    ]
    looked = log.events(request_id=listed.headers["x-request-id"])
    assert case.id in {event["patient"] for event in looked}
    assert all(event["classes"] == [] for event in looked)
    written = log.events(resource="Consent", resource_id=place.rpartition("/")[2])
    assert [event["action"] for event in written] == ["fhir.create", "fhir.update"]
    assert {event["patient"] for event in written} == {case.id}
