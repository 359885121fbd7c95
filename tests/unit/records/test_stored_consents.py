"""Consents as they hold: for every way to data, from the request after they were written, and closed when in doubt."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from phivault.access.facts import PatientFacts
from phivault.access.purpose import Purpose
from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import AccessDenied, Gone, IntegrityError, Unavailable
from phivault.records.call import Call
from phivault.records.delete import delete
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.transaction import transaction
from phivault.records.update import update
from phivault.records.vread import vread
from tests.support.consents import consent, labels, purposes, role, user
from tests.support.people import EMERGENCY, OPERATIONS, TREATMENT
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation, flipped

DR = "0b0f8f1e-1111-4111-8111-0123456789ab"
PAGE = {"_count": "100"}


@pytest.fixture
def dr(world: World, patient: str) -> Call:
    """A clinician of the patient's care team, with the sensitive class."""
    world.facts.members["north", patient, DR] = Role.CLINICIAN
    return world.call(Role.CLINICIAN, user_id=DR)


@pytest.fixture
def self(world: World, patient: str) -> Call:
    return world.call(Role.PATIENT, patient_id=patient)


@pytest.fixture
def weight(world: World, patient: str) -> str:
    made = world.make("Observation", an_observation(patient)).id
    world.forget()
    return made


def write(world: World, call: Call, patient: str, **provision: Any) -> str:
    return world.make("Consent", consent(patient, **provision), call).id


def rewrite(world: World, call: Call, patient: str, id: str, **provision: Any) -> None:
    update(world.records, call, "Consent", id, json.dumps(consent(patient, **provision) | {"id": id}).encode())


def seen(world: World, call: Call, weight: str) -> set[str]:
    return set(json.loads(read(world.records, call, "Observation", weight).body))


def found(world: World, call: Call, type: str, **parameters: str) -> int:
    return search(world.records, call, type, list((PAGE | parameters).items()), base_url=BASE_URL).count


def test_a_deny_closes_every_way_and_its_end_opens_it(
    world: World, patient: str, self: Call, dr: Call, weight: str
) -> None:
    def closed() -> None:
        records = world.records
        body = json.dumps(an_observation(patient, id=weight)).encode()
        entry = {"request": {"method": "DELETE", "url": f"Observation/{weight}"}}
        bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).encode()
        for attempt in (
            lambda: read(records, dr, "Observation", weight),
            lambda: vread(records, dr, "Observation", weight, 1),
            lambda: update(records, dr, "Observation", weight, body),
            lambda: update(records, dr, "Observation", weight, body, if_match='W/"7"'),
            lambda: delete(records, dr, "Observation", weight),
            lambda: delete(records, dr, "Observation", weight, if_match='W/"7"'),
            lambda: transaction(records, dr, bundle, base_url=BASE_URL),
            lambda: read(records, dr, "Patient", patient),
        ):
            with pytest.raises(AccessDenied):
                attempt()
        assert found(world, dr, "Observation", patient=patient) == 0
        assert found(world, dr, "Observation") == 0
        assert found(world, dr, "Patient", _id=patient) == 0

    assert found(world, dr, "Observation", patient=patient) == 1
    id = write(world, self, patient, type="deny", actor=[user(DR)])
    closed()
    assert seen(world, world.call(), weight)  # another clinician of the team
    assert seen(world, self, weight)
    rewrite(world, self, patient, id, status="inactive")
    assert seen(world, dr, weight)
    rewrite(world, self, patient, id, type="deny")
    closed()
    delete(world.records, self, "Consent", id)
    assert seen(world, dr, weight)
    assert found(world, dr, "Observation", patient=patient) == 1


def test_its_history_is_kept_and_shown_to_who_may_see_the_consent(
    world: World, patient: str, self: Call, dr: Call
) -> None:
    id = write(world, self, patient, type="deny", actor=[user(DR)])
    rewrite(world, self, patient, id, status="inactive")
    delete(world.records, self, "Consent", id)
    officer = world.call(Role.PRIVACY_OFFICER)
    for call in (self, officer):
        first = json.loads(vread(world.records, call, "Consent", id, 1).body)
        assert first["provision"]["actor"] == [user(DR)]
        assert json.loads(vread(world.records, call, "Consent", id, 2).body)["status"] == "inactive"
        with pytest.raises(Gone):
            vread(world.records, call, "Consent", id, 3)
    for call in (world.call(Role.RESEARCHER), world.call(Role.CLINICIAN, user_id="stranger")):
        with pytest.raises(AccessDenied):
            vread(world.records, call, "Consent", id, 1)


def test_a_class_is_withheld_and_the_rest_shown(world: World, patient: str, self: Call, dr: Call, weight: str) -> None:
    write(world, self, patient, type="deny", securityLabel=labels("sensitive"), actor=[role("clinician")])
    assert "note" not in seen(world, dr, weight)
    assert "code" in seen(world, dr, weight)
    write(world, self, patient, type="deny", securityLabel=labels("clinical"))
    assert "code" not in seen(world, dr, weight)
    assert "subject" in seen(world, dr, weight)


def test_a_permit_shows_a_patient_to_who_stands_in_no_relation(
    world: World, patient: str, self: Call, weight: str
) -> None:
    stranger = world.call(Role.CLINICIAN, user_id=DR)
    with pytest.raises(AccessDenied):
        seen(world, stranger, weight)
    write(world, self, patient, type="permit", actor=[user(DR)], purpose=purposes("TREAT"))
    assert "note" not in seen(world, stranger, weight)
    assert "code" in seen(world, stranger, weight)
    assert found(world, stranger, "Observation", patient=patient) == 1
    with pytest.raises(AccessDenied):
        seen(world, world.call(Role.CLINICIAN, OPERATIONS, user_id=DR), weight)
    with pytest.raises(AccessDenied):
        update(world.records, stranger, "Observation", weight, json.dumps(an_observation(patient, id=weight)).encode())
    write(world, self, patient, type="permit", actor=[user(DR)], securityLabel=labels("sensitive"))
    assert "note" in seen(world, stranger, weight)


def test_a_permit_of_the_sensitive_class_shows_it_to_the_care_team(
    world: World, patient: str, self: Call, weight: str
) -> None:
    world.facts.standing["north", patient, DR] = PatientFacts(patient, "north", in_care_team=True)
    member = world.call(Role.CLINICIAN, user_id=DR)
    assert "note" not in seen(world, member, weight)
    id = write(world, self, patient, type="permit", securityLabel=labels("sensitive"))
    assert "note" in seen(world, member, weight)
    with pytest.raises(AccessDenied):
        seen(world, world.call(Role.CLINICIAN, user_id="stranger"), weight)
    rewrite(world, self, patient, id, status="inactive")
    assert "note" not in seen(world, member, weight)


def test_a_period_is_looked_at_when_a_request_comes(
    world: World, patient: str, self: Call, dr: Call, weight: str
) -> None:
    day = f"{world.time:%Y-%m-%d}"
    write(world, self, patient, type="deny", period={"start": day, "end": day})
    with pytest.raises(AccessDenied):
        seen(world, dr, weight)
    world.time += timedelta(days=1)
    assert seen(world, dr, weight)
    world.time -= timedelta(days=2)
    assert seen(world, dr, weight)


def test_an_emergency_passes_a_deny_that_does_not_name_it(
    world: World, patient: str, self: Call, dr: Call, weight: str
) -> None:
    world.facts.standing["north", patient, DR] = PatientFacts(patient, "north", emergency=True)
    emergency = world.call(Role.CLINICIAN, EMERGENCY, user_id=DR)
    write(world, self, patient, type="deny")
    assert "note" in seen(world, emergency, weight)
    write(world, self, patient, type="deny", purpose=purposes("ETREAT"))
    with pytest.raises(AccessDenied):
        seen(world, emergency, weight)


def test_a_relation_by_another_resource_is_no_way_around(world: World, patient: str, self: Call, dr: Call) -> None:
    relative = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{patient}"}, "active": True}
    person = world.make("RelatedPerson", relative).id
    assert read(world.records, dr, "RelatedPerson", person)
    write(world, self, patient, type="deny", actor=[user(DR)])
    with pytest.raises(AccessDenied):
        read(world.records, dr, "RelatedPerson", person)
    assert found(world, dr, "RelatedPerson") == 0


def test_a_deny_for_research_withholds_the_deidentified_forms(world: World, patient: str, self: Call) -> None:
    researcher = world.call(Role.RESEARCHER)
    assert found(world, researcher, "Patient") == 1
    id = write(world, self, patient, scope="research", type="deny", purpose=purposes("HRESCH"))
    assert found(world, researcher, "Patient") == 0
    rewrite(world, self, patient, id, type="deny", securityLabel=labels("PSY"))
    assert found(world, researcher, "Patient") == 0
    rewrite(world, self, patient, id, type="deny", purpose=purposes("TREAT"))
    assert found(world, researcher, "Patient") == 1


def test_privacy_officers_keep_what_denies_them(world: World, patient: str) -> None:
    """A patient without an account must be able to take back on paper what they said on paper."""
    officer = world.call(Role.PRIVACY_OFFICER)
    id = write(world, officer, patient, type="deny")
    with pytest.raises(AccessDenied):
        read(world.records, officer, "Patient", patient)
    assert json.loads(read(world.records, officer, "Consent", id).body)["provision"] == {"type": "deny"}
    rewrite(world, officer, patient, id, status="inactive")
    assert read(world.records, officer, "Patient", patient)


def test_one_query_answers_for_all_patients_of_a_page(world: World, patient: str, dr: Call) -> None:
    others = [world.make("Patient", a_patient()).id for _ in range(5)]
    for each in (patient, *others):
        call = world.call(Role.PATIENT, patient_id=each)
        write(world, call, each, type="deny", securityLabel=labels("contact"))
    world.forget()
    assert found(world, world.call(), "Patient") == 6
    assert world.store.calls.count("of_subjects") == 1


def test_warm_requests_call_no_key_service(world: World, patient: str, self: Call, dr: Call, weight: str) -> None:
    write(world, self, patient, type="deny", securityLabel=labels("sensitive"))
    world.cold()
    seen(world, dr, weight)
    assert world.wrapper.calls == ["unwrap"]
    for _ in range(3):
        seen(world, dr, weight)
    assert world.wrapper.calls == ["unwrap"]


def test_ones_own_consents_are_not_even_asked_for(world: World, patient: str, self: Call, weight: str) -> None:
    write(world, self, patient, type="deny")
    world.forget()
    seen(world, self, weight)
    assert "of_subjects" not in world.store.calls


def test_what_was_altered_closes(world: World, patient: str, self: Call, dr: Call, weight: str) -> None:
    id = write(world, self, patient, type="permit", actor=[user(DR)])
    assert seen(world, dr, weight)  # and what it says is remembered
    sealed = world.store.versions["north", "Consent", id][-1]
    assert sealed.envelope is not None
    world.store.replace("north", "Consent", id, envelope=flipped(sealed.envelope))
    for call in (dr, world.call(Role.CLINICIAN, user_id="stranger")):
        with pytest.raises(IntegrityError):
            seen(world, call, weight)
        with pytest.raises(IntegrityError):
            found(world, call, "Observation", patient=patient)


def test_a_version_put_in_anothers_place_closes(world: World, patient: str, self: Call, dr: Call, weight: str) -> None:
    id = write(world, self, patient, type="permit", actor=[user(DR)])
    first = world.store.versions["north", "Consent", id][-1]
    rewrite(world, self, patient, id, type="deny", actor=[user(DR)])
    world.store.replace("north", "Consent", id, envelope=first.envelope)
    with pytest.raises(IntegrityError):
        seen(world, dr, weight)
    other = world.make("Patient", a_patient(), dr).id
    world.store.replace("north", "Consent", id, envelope=first.envelope, version=1, subject=f"Patient/{other}")
    with pytest.raises(IntegrityError):
        read(world.records, dr, "Patient", other)


def test_no_answer_is_no_access(world: World, patient: str, dr: Call, weight: str) -> None:
    real = world.store.of_subjects

    def down(*_: object) -> list[Any]:
        raise Unavailable

    world.store.of_subjects = down  # type: ignore[method-assign]  # an outage of this one call
    with pytest.raises(Unavailable):
        seen(world, dr, weight)
    world.store.of_subjects = real  # type: ignore[method-assign]  # as it was
    assert seen(world, dr, weight)


def test_an_erased_patient_says_nothing(world: World, patient: str, self: Call, dr: Call, weight: str) -> None:
    write(world, self, patient, type="deny")
    with pytest.raises(AccessDenied):
        seen(world, dr, weight)
    world.destroy_key(f"Patient/{patient}")
    with pytest.raises(Gone):
        seen(world, dr, weight)
    assert found(world, dr, "Observation") == 0


def test_looking_into_consents_is_on_record(world: World, patient: str, self: Call) -> None:
    """A key that was used to decide, for whoever sees nothing in the end, has its line."""
    write(world, self, patient, type="deny")
    other = world.make("Patient", a_patient()).id
    world.forget()
    assert found(world, world.call(), "Patient") == 1
    told = {(event.patient, event.classes) for event in world.events if event.action is Action.SEARCH}
    assert (patient, ()) in told
    assert any(about == other and classes for about, classes in told)


def test_a_transaction_that_fails_names_whose_consents_it_looked_into(world: World, patient: str, self: Call) -> None:
    write(world, self, patient, type="permit")
    other = world.make("Patient", a_patient()).id
    write(world, world.call(Role.PATIENT, patient_id=other), other, type="deny")
    world.forget()
    entries = [
        {"request": {"method": "POST", "url": "Observation"}, "resource": an_observation(each)}
        for each in (patient, other, "0199b3c2-0000-7000-8000-000000000009")
    ]
    bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()
    with pytest.raises(Exception, match=r"entry\[2\]"):
        transaction(world.records, world.call(), bundle, base_url=BASE_URL)
    assert {patient, other} <= {event.patient for event in world.events}


def test_a_consent_in_a_transaction_opens_nothing_for_that_transaction(
    world: World, patient: str, self: Call, dr: Call, weight: str
) -> None:
    id = write(world, self, patient, type="deny", actor=[user(DR)])
    officer = world.call(Role.PRIVACY_OFFICER, user_id=DR)
    entries = [
        {"request": {"method": "PUT", "url": f"Consent/{id}"}, "resource": consent(patient, status="inactive", id=id)},
        {
            "request": {"method": "PUT", "url": f"Observation/{weight}"},
            "resource": an_observation(patient, id=weight),
        },
    ]
    entries[0]["resource"] = consent(patient, status="inactive") | {"id": id}
    bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()
    for call in (dr, officer, self):
        with pytest.raises(AccessDenied):
            transaction(world.records, call, bundle, base_url=BASE_URL)
    with pytest.raises(AccessDenied):
        seen(world, dr, weight)


@pytest.mark.parametrize("purpose", [TREATMENT, OPERATIONS])
def test_another_tenants_consents_are_not_this_ones(world: World, patient: str, dr: Call, purpose: Purpose) -> None:
    south = world.call(Role.PRIVACY_OFFICER, tenant="south")
    there = world.make("Patient", a_patient(), world.call(tenant="south")).id
    write(world, south, there, type="deny")
    assert not world.records.consents.load(dr.principal, purpose, [patient, there])
