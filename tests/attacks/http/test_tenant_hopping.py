"""Another tenant's ids, in every verb and place that takes one: as if they weren't there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.answers import ok, refused
from tests.support.fhir import NAME, every, make, observation, patient, resources, send, transaction

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

NOBODY = "0b0f8f1e-1111-4111-8111-0123456789ab"
VISIT = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}


@dataclass(frozen=True)
class Theirs:
    """A patient of tenant-a, with an observation and an encounter; ``clinician`` treats them."""

    clinician: httpx.Client
    patient: str
    observation: str
    encounter: str
    practitioner: str

    def state(self) -> list[bytes]:
        places = ("Patient", self.patient), ("Observation", self.observation), ("Encounter", self.encounter)
        return [self.clinician.get(f"/fhir/{kind}/{id}").content for kind, id in places]


@pytest.fixture(scope="module")
def theirs(stack: RunningStack) -> Theirs:
    client = stack.api("clinician")
    subject = make(client, patient())["id"]
    reference = {"reference": f"Patient/{subject}"}
    encounter = {"resourceType": "Encounter", "status": "finished", "class": VISIT, "subject": reference}
    practitioner = {"resourceType": "Practitioner", "name": [{"family": NAME}]}
    return Theirs(
        client,
        subject,
        make(client, observation(subject))["id"],
        make(client, encounter)["id"],
        make(client, practitioner)["id"],
    )


@pytest.fixture(params=["clinician", "patient"])
def intruder(stack: RunningStack, request: pytest.FixtureRequest) -> httpx.Client:
    """Users of the other tenant, with a purpose that passes."""
    client = stack.api(request.param, stack.tenants[1])
    client.headers["X-Purpose-Of-Use"] = {"patient": "PATIENT_REQUEST"}.get(request.param, "TREATMENT")
    return client


@pytest.fixture
def stranger(stack: RunningStack) -> httpx.Client:
    return stack.api("clinician", stack.tenants[1])


def _same(one: httpx.Response, other: httpx.Response, status: int) -> None:
    """Both refused, in ways that can't be told apart."""
    assert refused(one, status) == refused(other, status)
    varying = ("x-request-id", "date")
    for headers in (one.headers, other.headers):
        for name in varying:
            headers.pop(name, None)
    assert dict(one.headers) == dict(other.headers)
    assert one.content == other.content


def test_every_verb_answers_as_for_nothing(theirs: Theirs, intruder: httpx.Client) -> None:
    before = theirs.state()
    for kind, id in (("Patient", theirs.patient), ("Observation", theirs.observation), ("Encounter", theirs.encounter)):
        for suffix in ("", "/_history/1"):
            _same(intruder.get(f"/fhir/{kind}/{id}{suffix}"), intruder.get(f"/fhir/{kind}/{NOBODY}{suffix}"), 404)
        resource = patient() if kind == "Patient" else observation(theirs.patient, resourceType=kind)
        there = send(intruder, "PUT", f"/fhir/{kind}/{id}", resource | {"id": id})
        nowhere = send(intruder, "PUT", f"/fhir/{kind}/{NOBODY}", resource | {"id": NOBODY})
        _same(there, nowhere, 404)
        for condition in ({}, {"If_Match": 'W/"9"'}):
            there = send(intruder, "DELETE", f"/fhir/{kind}/{id}", **condition)
            nowhere = send(intruder, "DELETE", f"/fhir/{kind}/{NOBODY}", **condition)
            _same(there, nowhere, 404)
    assert theirs.state() == before


def test_searches_find_nothing(theirs: Theirs, intruder: httpx.Client) -> None:
    for kind, parameters in (
        ("Patient", {"_id": theirs.patient}),
        ("Patient", {"patient": theirs.patient}),
        ("Observation", {"_id": theirs.observation}),
        ("Observation", {"patient": theirs.patient}),
        ("Observation", {"patient": f"Patient/{theirs.patient}", "_id": theirs.observation}),
        ("Practitioner", {"_id": theirs.practitioner}),
    ):
        assert resources(ok(intruder.get(f"/fhir/{kind}", params=parameters))) == []


def test_a_whole_tenant_has_none_of_the_others(stack: RunningStack, theirs: Theirs, stranger: httpx.Client) -> None:
    own = stack.patients(stack.tenants[1])
    seen = {one["id"] for one in every(stranger, "Patient", _count="100")}
    assert set(own) <= seen
    assert not seen & {*stack.patients(), theirs.patient}
    practitioners = {one["id"] for one in every(stranger, "Practitioner", _count="100")}
    assert theirs.practitioner not in practitioners


@pytest.mark.parametrize("verb", ["create", "update", "transaction"])
def test_references_into_another_tenant(stack: RunningStack, theirs: Theirs, stranger: httpx.Client, verb: str) -> None:
    own = stack.patients(stack.tenants[1])[0]
    mine = make(stranger, observation(own))
    for element, kind, id in (
        ("encounter", "Encounter", theirs.encounter),
        ("performer", "Practitioner", theirs.practitioner),
        ("hasMember", "Observation", theirs.observation),
        ("focus", "Patient", theirs.patient),
        ("subject", "Patient", theirs.patient),
    ):
        answers = [_refer(stranger, verb, mine, own, element, f"{kind}/{target}") for target in (id, NOBODY)]
        _same(*answers, status=422)
    assert ok(stranger.get(f"/fhir/Observation/{mine['id']}")) == mine


def _refer(
    client: httpx.Client, verb: str, mine: dict[str, Any], own: str, element: str, reference: str
) -> httpx.Response:
    value: Any = {"reference": reference}
    changed = {element: [value] if element in ("performer", "hasMember", "focus") else value}
    if verb == "create":
        return send(client, "POST", "/fhir/Observation", observation(own, **changed))
    if verb == "update":
        return send(client, "PUT", f"/fhir/Observation/{mine['id']}", mine | changed)
    entries = ("POST", "Observation", observation(own)), ("POST", "Observation", observation(own, **changed))
    return send(client, "POST", "/fhir", transaction(*entries))


def test_entries_of_a_bundle_about_another_tenant(stack: RunningStack, theirs: Theirs, stranger: httpx.Client) -> None:
    before, own = theirs.state(), stack.patients(stack.tenants[1])[0]
    count = len(every(stranger, "Observation", patient=own, _count="100"))
    for kind, id in (("Patient", theirs.patient), ("Observation", theirs.observation)):
        resource = patient() if kind == "Patient" else observation(theirs.patient)
        for method, sent in (("PUT", resource), ("DELETE", None)):
            answers = []
            for target in (id, NOBODY):
                entry = method, f"{kind}/{target}", None if sent is None else sent | {"id": target}
                bundle = transaction(("POST", "Observation", observation(own)), entry)
                answers.append(send(stranger, "POST", "/fhir", bundle))
            _same(*answers, status=404)
    # A fullUrl that claims another tenant's place gives nothing but a name within the bundle.
    place = f"{stack.base_url}/v1/fhir/Patient/{theirs.patient}"
    seen = observation("", subject={"reference": place})
    bundle = transaction(("POST", "Patient", patient()), ("POST", "Observation", seen), n0=place)
    made = ok(send(stranger, "POST", "/fhir", bundle))
    resolved = ok(stranger.get(made["entry"][1]["response"]["location"]))["subject"]["reference"]
    assert resolved not in (place, f"Patient/{theirs.patient}")
    assert theirs.state() == before
    assert len(every(stranger, "Observation", patient=own, _count="100")) == count


def test_idempotency_keys_are_each_users_own(stack: RunningStack, theirs: Theirs, stranger: httpx.Client) -> None:
    key = f"shared-{theirs.patient}"
    body = patient(active=False)
    first = send(theirs.clinician, "POST", "/fhir/Patient", body, Idempotency_Key=key)
    other = send(stranger, "POST", "/fhir/Patient", body, Idempotency_Key=key)
    assert ok(first, 201)["id"] != ok(other, 201)["id"]
    # Another body isn't refused as a reuse either: that would tell that the key is known.
    again = send(stranger, "POST", "/fhir/Patient", patient(), Idempotency_Key=key + "2")
    ok(again, 201)
    colleague = send(stack.api("care_coordinator"), "POST", "/fhir/Patient", body, Idempotency_Key=key)
    refused(colleague, 403)


def test_patients_of_one_tenant_are_nobody_in_the_other(stack: RunningStack) -> None:
    other = stack.user("patient", stack.tenants[1])["patient_id"]
    refused(stack.api("patient").get(f"/fhir/Patient/{other}"), 404)
    mine = stack.user("patient")["patient_id"]
    refused(stack.api("patient", stack.tenants[1]).get(f"/fhir/Patient/{mine}"), 404)


def test_nothing_of_the_other_tenant_is_in_any_answer(
    stack: RunningStack, theirs: Theirs, intruder: httpx.Client
) -> None:
    answers = [
        intruder.get(f"/fhir/Patient/{theirs.patient}"),
        intruder.get("/fhir/Patient", params={"_count": "100"}),
        intruder.get("/fhir/Practitioner", params={"_count": "100"}),
        intruder.get("/me"),
        intruder.get("/audit/events"),
    ]
    text = json.dumps([answer.text for answer in answers])
    for secret in (theirs.observation, theirs.encounter, theirs.practitioner, f"{stack.tenants[0]}.example"):
        assert secret not in text
