"""Somebody learns by the condition of a create what a search wouldn't tell: by its answer, or by how long it takes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.errors import AccessDenied, InvalidInput, PhivaultError, UnsupportedParameter
from phivault.records import events, if_none_exist
from phivault.records.bundles import answer
from phivault.records.create import create_conditionally
from tests.support.consents import consent, labels
from tests.support.records_fakes import BASE_URL, World, a_patient

BROKEN = b'{"resourceType":"%s","gender":"x"}'
"""Looked at only after the condition, so that a guess leaves nothing behind."""


def _relative(patient: str, **changes: Any) -> dict[str, Any]:
    reference = {"reference": f"Patient/{patient}"}
    return {"resourceType": "RelatedPerson", "patient": reference, "name": [{"family": "Qwertz"}]} | changes


def _encounter(patient: str, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
    } | changes


def _work(world: World, monkeypatch: pytest.MonkeyPatch, type: str, query: str) -> tuple[Any, ...]:
    """What a condition costs: round trips and keys, and of how many it asks."""
    world.cold()
    asked: list[int] = []
    load = world.anchors.load

    def counted(tenant: str, resources: Any) -> Any:
        asked.append(len(resources))
        return load(tenant, resources)

    world.forget()
    world.facts.asked.clear()
    with monkeypatch.context() as patched:
        patched.setattr(world.anchors, "load", counted)
        with pytest.raises(PhivaultError) as refused:
            create_conditionally(world.records, world.call(user_id="a-stranger"), type, BROKEN % type.encode(), query)
    unwrapped = list(world.wrapper.calls)
    return refused.value.status, refused.value.detail, asked, list(world.facts.asked), unwrapped, world.store.calls


@pytest.mark.parametrize(("type", "right"), [("Patient", "family=Zyxwvuts"), ("RelatedPerson", "name=Qwertz")])
def test_a_stranger_s_guess_costs_what_a_wrong_one_costs(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch, type: str, right: str
) -> None:
    world.make("RelatedPerson", _relative(patient))
    wrong = right.partition("=")[0] + "=Nobody"
    _work(world, monkeypatch, type, wrong)
    assert _work(world, monkeypatch, type, right) == _work(world, monkeypatch, type, wrong)


def test_what_the_caller_knows_is_still_found(world: World, patient: str) -> None:
    made = world.make("RelatedPerson", _relative(patient)).id
    body = json.dumps(_relative(patient)).encode()
    for query in ("name=Qwertz", f"patient={patient}", f"patient=Patient/{patient}&name=Qwertz"):
        found, is_new = create_conditionally(world.records, world.call(), "RelatedPerson", body, query)
        assert (found.id, is_new) == (made, False)


def test_whose_keys_a_comparison_took_is_on_record(world: World, patient: str) -> None:
    """Several matches are refused; that their names were opened to be compared still stands in the log."""
    other = world.make("Patient", a_patient()).id
    world.forget()
    with pytest.raises(PhivaultError):
        create_conditionally(world.records, world.call(), "Patient", BROKEN % b"Patient", "family=Zyxwvuts")
    assert {event.patient for event in world.events} >= {patient, other}


def test_a_reference_of_many_parts_is_refused_as_any_other(world: World, patient: str) -> None:
    text = "Practitioner?" + "&".join(["identifier=urn:x%7C1"] * 11)
    resource = {"resourceType": "Patient", "generalPractitioner": [{"reference": text}]}
    entry = {"request": {"method": "POST", "url": "Patient"}, "resource": resource}
    body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).encode()
    with pytest.raises((InvalidInput, UnsupportedParameter)):
        answer(world.records, world.call(), body, base_url=BASE_URL)


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_what_an_entry_before_keeps_hidden_meets_no_condition(world: World, patient: str, kind: str) -> None:
    """One entry writes a resource of which the caller doesn't see the diagnoses, the next asks for one of these."""
    code = {"coding": [{"system": "urn:kinds", "code": "the-secret"}]}
    made = world.make("Encounter", _encounter(patient, type=[code])).id
    deny = consent(patient, type="deny", securityLabel=labels("clinical"))
    world.make("Consent", deny, world.call(Role.PATIENT, patient_id=patient))
    other = world.make("Patient", a_patient()).id
    statuses = []
    for query in ("type=the-secret", "type=a-wrong-guess"):
        change = base64.b64encode(b'[{"op":"replace","path":"/status","value":"in-progress"}]').decode()
        patched = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": change}
        entries = [
            {"request": {"method": "PATCH", "url": f"Encounter/{made}"}, "resource": patched},
            {"request": {"method": "POST", "url": "Encounter", "ifNoneExist": query}, "resource": _encounter(other)},
        ]
        bundle = json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}).encode()
        answers = json.loads(answer(world.records, world.call(), bundle, base_url=BASE_URL).body)["entry"]
        statuses.append([each["response"]["status"] for each in answers])
    assert statuses == [["200 OK", "201 Created"]] * 2


def _condition(patient: str, code: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "subject": {"reference": f"Patient/{patient}"},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
    }


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.AUDITOR, Role.TENANT_ADMIN, Role.PATIENT])
def test_one_s_own_at_the_limit_do_not_count_somebody_else_s(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    """As many of one's own as a condition may meet; then the limit would tell whether another patient has the code."""
    monkeypatch.setattr(if_none_exist, "_MAX_CANDIDATES", 3)
    other = world.make("Patient", a_patient()).id
    world.make("Condition", _condition(patient, "B20"))
    stranger = world.call(user_id="a-stranger")
    own = world.make("Patient", a_patient(), stranger).id
    for _ in range(3):
        world.make("Condition", _condition(own, "B20"), stranger)
    call, body = world.call(role, user_id="a-stranger"), json.dumps(_condition(own, "Z00")).encode()
    told = []
    for victim in (patient, other):
        with pytest.raises(PhivaultError) as refused:
            create_conditionally(world.records, call, "Condition", body, f"patient={own},{victim}&code=B20")
        told.append((refused.value.status, refused.value.detail))
    assert told[0] == told[1]


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.TENANT_ADMIN, Role.RESEARCHER, Role.PATIENT])
def test_nobody_counts_people_by_a_condition(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    monkeypatch.setattr(if_none_exist, "_MAX_CANDIDATES", 3)
    for _ in range(5):
        world.make("Patient", a_patient())
    told = set()
    for query in ("birthdate=1979", "birthdate=1901"):
        with pytest.raises(PhivaultError) as refused:
            create_conditionally(world.records, world.call(role), "Patient", json.dumps(a_patient()).encode(), query)
        told.add((refused.value.status, refused.value.detail))
    assert len(told) == 1
    assert "find" not in world.store.calls


def test_many_conditions_are_compared_with_so_many_at_most(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_COMPARED", 5)
    for _ in range(3):
        world.make("Condition", _condition(patient, "I10"))
    entry = {
        "resource": _condition(patient, "I10"),
        "request": {"method": "POST", "url": "Condition", "ifNoneExist": f"patient={patient}&code=other|I10"},
    }
    again = json.loads(json.dumps(entry).replace("other|", "another|"))
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry, again]}
    with pytest.raises(InvalidInput, match="too many"):
        answer(world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL)
    bundle["entry"] = [entry]
    answer(world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL)
    assert len(world.store.versions) == 5


def test_a_researcher_s_condition_in_a_transaction_is_refused_as_one(world: World, patient: str) -> None:
    entry = {
        "resource": _condition(patient, "I10"),
        "request": {"method": "POST", "url": "Condition", "ifNoneExist": "code=I10"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    with pytest.raises(AccessDenied):
        answer(world.records, world.call(Role.RESEARCHER), json.dumps(bundle).encode(), base_url=BASE_URL)
