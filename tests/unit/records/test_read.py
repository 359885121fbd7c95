"""Reading: decided per class, recorded first, opened last."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Gone, IntegrityError, NotFound, Unavailable
from phivault.records.delete import delete
from phivault.records.general_names import is_general
from phivault.records.json_members import split
from phivault.records.read import read
from phivault.records.update import update
from phivault.records.vread import vread
from tests.support.records_fakes import PLANTED, World, a_patient, an_observation, flipped


def test_a_clinician_of_the_care_team_sees_every_byte_that_was_sent(world: World) -> None:
    sent = b'{"resourceType":"Patient", "name": [ {"family":"Zyxwvuts"} ],"birthDate":"1979-04-06", "active" :true}'
    made = world.make("Patient", json.loads(sent))
    update(world.records, world.call(), "Patient", made.id, sent[:-1] + f',"id":"{made.id}"'.encode() + b"}")

    members = split(read(world.records, world.call(), "Patient", made.id).body)

    assert members["name"] == b'[ {"family":"Zyxwvuts"} ]'
    assert (members["birthDate"], members["active"]) == (b'"1979-04-06"', b"true")
    assert "security" not in json.loads(members["meta"])


def test_a_read_is_recorded_with_what_it_releases(world: World, patient: str) -> None:
    released = read(world.records, world.call(), "Patient", patient)

    event = world.recorded()
    assert (event.action, event.success, event.risk) == (Action.READ, True, RiskLevel.LOW)
    assert (event.resource, event.resource_id, event.version, event.patient) == ("Patient", patient, 1, patient)
    assert event.classes == ("administrative", "contact", "identifying")
    assert (event.user_id, event.role, event.session) == ("clinician-1", "clinician", "session-1")
    assert (event.purpose, event.purpose_asserted) == ("TREATMENT", True)
    assert event.personal == "c2VhbGVkLWVsc2V3aGVyZQ=="
    assert {"hipaa:164.312.b", "gdpr:art5.2"} <= set(event.flags)
    assert (released.version, released.at) == (1, world.time)


def test_nothing_is_opened_before_the_release_is_locked(world: World, patient: str) -> None:
    world.cold()
    read(world.records, world.call(), "Patient", patient)
    assert world.steps == ["record", "unwrap"]


@pytest.mark.parametrize("failure", ["before", "after"])
def test_without_a_record_nothing_is_released_or_opened(world: World, patient: str, failure: str) -> None:
    world.cold()
    world.locked.failures = [failure] * 100
    with pytest.raises(Unavailable):
        read(world.records, world.call(), "Patient", patient)
    assert "unwrap" not in world.steps


def test_a_cold_subject_costs_one_call_of_the_key_service_and_a_warm_one_none(world: World, patient: str) -> None:
    world.cold()
    read(world.records, world.call(), "Patient", patient)
    assert world.wrapper.calls == ["unwrap"]
    read(world.records, world.call(), "Patient", patient)
    assert world.wrapper.calls == ["unwrap"]


def test_a_read_costs_one_call_of_the_store_and_one_for_the_consents(world: World, patient: str) -> None:
    read(world.records, world.call(), "Patient", patient)
    assert world.store.calls == ["read", "of_subjects"]
    world.forget()
    read(world.records, world.call(Role.PATIENT, patient_id=patient), "Patient", patient)
    assert world.store.calls == ["read"]  # one's own consents say nothing to oneself


def test_a_coordinator_sees_a_thinned_resource_that_says_so(world: World, patient: str) -> None:
    made = world.make("Observation", an_observation(patient))
    world.forget()

    body = json.loads(read(world.records, world.call(Role.CARE_COORDINATOR), "Observation", made.id).body)

    assert body["subject"] == {"reference": f"Patient/{patient}"}
    assert body.keys().isdisjoint({"valueQuantity", "note", "code"})
    assert [coding["code"] for coding in body["meta"]["security"]] == ["REDACTED"]
    assert [coding["code"] for coding in body["meta"]["tag"]] == ["SUBSETTED"]
    assert set(world.recorded().classes) == {"administrative", "identifying"}


def test_a_researcher_sees_generalised_forms_alone(world: World, patient: str) -> None:
    name = world.pseudonym("Patient", patient)
    read_by_researcher = read(world.records, world.call(Role.RESEARCHER), "Patient", name)

    body = json.loads(read_by_researcher.body)
    assert body["birthDate"] == "1979"
    assert body.keys().isdisjoint({"name", "telecom", "identifier"})
    assert not any(value.encode() in read_by_researcher.body for value in PLANTED)
    assert not any(map(is_general, body))
    assert body["meta"].keys() == {"security", "tag"}
    assert (read_by_researcher.at, read_by_researcher.version) == (None, 0)
    event = world.recorded(Action.READ)
    assert event.classes == ("deidentified",)
    assert (event.resource_id, event.patient, event.version) == (patient, patient, 1)
    assert "project:study-7" in event.flags


def test_who_sees_originals_never_sees_generalised_forms_beside_them(world: World, patient: str) -> None:
    for role in (Role.CLINICIAN, Role.CARE_COORDINATOR, Role.PRIVACY_OFFICER):
        body = json.loads(read(world.records, world.call(role), "Patient", patient).body)
        assert body["birthDate"] == "1979-04-06"
        assert not any(map(is_general, body))
    assert not any("deidentified" in event.classes for event in world.events)


@pytest.mark.parametrize(
    ("role", "changes"),
    [(Role.CLINICIAN, {"user_id": "clinician-2"}), (Role.TENANT_ADMIN, {}), (Role.PATIENT, {"patient_id": "other"})],
)
def test_a_denial_is_recorded_with_its_patient(world: World, patient: str, role: Role, changes: dict[str, str]) -> None:
    world.cold()
    with pytest.raises(AccessDenied):
        read(world.records, world.call(role, **changes), "Patient", patient)
    event = world.recorded()
    assert (event.success, event.error, event.risk) == (False, "denied", RiskLevel.HIGH)
    assert (event.patient, event.classes) == (patient, ())
    assert world.wrapper.calls == []


def test_a_denial_that_cannot_be_recorded_is_unavailable(world: World, patient: str) -> None:
    world.locked.failures = ["before"]
    with pytest.raises(Unavailable):
        read(world.records, world.call(Role.AUDITOR), "Patient", patient)


def test_another_tenants_resource_and_an_absent_one_are_alike(world: World, patient: str) -> None:
    absent = "0199b3c2-0000-7000-8000-000000000009"
    told = []
    for tenant, id in (("south", patient), ("north", absent)):
        with pytest.raises(NotFound) as caught:
            read(world.records, world.call(tenant=tenant), "Patient", id)
        told.append((type(caught.value), caught.value.detail))
    assert told[0] == told[1]
    for event in world.events:
        assert (event.success, event.error, event.patient, event.version) == (False, "not-found", "", 0)


def test_an_id_of_a_strange_shape_reaches_neither_the_log_nor_the_store(world: World) -> None:
    with pytest.raises(NotFound):
        read(world.records, world.call(), "Patient", "Zyxwvuts.Qwerty")
    assert world.recorded().resource_id == ""
    with pytest.raises(NotFound):
        read(world.records, world.call(), "Patient", "a' OR 1=1\0")
    assert world.store.calls == ["read"]


def test_a_type_that_is_not_served_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        read(world.records, world.call(), "Zyxwvuts", "x")
    assert world.events == []


def test_a_deletion_is_told_only_to_who_might_have_read_it(world: World, patient: str) -> None:
    delete(world.records, world.call(), "Patient", patient)
    with pytest.raises(Gone):
        read(world.records, world.call(), "Patient", patient)
    with pytest.raises(AccessDenied):
        read(world.records, world.call(user_id="clinician-2"), "Patient", patient)
    with pytest.raises(NotFound):
        read(world.records, world.call(tenant="south"), "Patient", patient)


def test_what_does_not_open_is_not_released_and_is_critical(world: World, patient: str) -> None:
    envelope = world.store.read("north", "Patient", patient).envelope
    world.store.replace("north", "Patient", patient, envelope=flipped(envelope))
    with pytest.raises(IntegrityError):
        read(world.records, world.call(), "Patient", patient)
    assert [(event.success, event.risk) for event in world.events] == [
        (True, RiskLevel.LOW),
        (False, RiskLevel.CRITICAL),
    ]


def test_an_erased_subject_is_gone(world: World, patient: str) -> None:
    world.destroy_key(f"Patient/{patient}")
    with pytest.raises(Gone):
        read(world.records, world.call(), "Patient", patient)
    assert [event.error for event in world.events] == ["", "gone"]


def test_a_related_person_is_reached_through_the_patient(world: World, patient: str) -> None:
    related = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{patient}"}, "active": True}
    made = world.make("RelatedPerson", related)
    assert world.store.read("north", "RelatedPerson", made.id).subject == f"RelatedPerson/{made.id}"
    world.forget()

    assert json.loads(read(world.records, world.call(), "RelatedPerson", made.id).body)["active"] is True
    assert world.recorded().patient == patient
    with pytest.raises(AccessDenied):
        read(world.records, world.call(user_id="clinician-2"), "RelatedPerson", made.id)
    delete(world.records, world.call(), "RelatedPerson", made.id)
    with pytest.raises(Gone):
        read(world.records, world.call(), "RelatedPerson", made.id)
    with pytest.raises(AccessDenied):
        read(world.records, world.call(user_id="clinician-2"), "RelatedPerson", made.id)


def test_the_directory_is_about_no_patient(world: World) -> None:
    made = world.make("Organization", {"resourceType": "Organization", "name": "Example Clinic"})
    world.forget()
    assert json.loads(read(world.records, world.call(), "Organization", made.id).body)["name"] == "Example Clinic"
    assert world.recorded().patient == ""
    with pytest.raises(AccessDenied):
        read(world.records, world.call(Role.RESEARCHER), "Organization", made.id)


def test_each_version_can_be_read_as_it_was(world: World, patient: str) -> None:
    update(world.records, world.call(), "Patient", patient, json.dumps(a_patient(id=patient, active=False)).encode())
    world.forget()
    assert json.loads(vread(world.records, world.call(), "Patient", patient, 1).body)["active"] is True
    assert json.loads(vread(world.records, world.call(), "Patient", patient, 2).body)["active"] is False
    assert [(event.action, event.version) for event in world.events] == [(Action.VREAD, 1), (Action.VREAD, 2)]


@pytest.mark.parametrize("version", [0, -1, 3, 1 << 40])
def test_a_version_that_never_was_is_not_found(world: World, patient: str, version: int) -> None:
    with pytest.raises(NotFound, match=r"^There is no such version of this Patient$"):
        vread(world.records, world.call(), "Patient", patient, version)
    assert world.recorded().success is False


@pytest.mark.parametrize("version", [1, 3, 1 << 40])
def test_of_what_never_was_no_version_is_spoken_of(world: World, version: int) -> None:
    with pytest.raises(NotFound, match=r"^Patient not found$"):
        vread(world.records, world.call(), "Patient", str(uuid4()), version)


def test_an_answer_prints_without_its_content(world: World, patient: str) -> None:
    assert not any(value in repr(read(world.records, world.call(), "Patient", patient)) for value in PLANTED)
