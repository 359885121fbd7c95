"""Updating: the caller's own part changes, what they can't see stays as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import (
    AccessDenied,
    Conflict,
    Gone,
    IntegrityError,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    Unavailable,
    Unprocessable,
)
from phivault.records.delete import delete
from phivault.records.json_members import split
from phivault.records.read import read
from phivault.records.released import Released
from phivault.records.update import update
from tests.support.consents import consent, labels
from tests.support.records_fakes import World, a_patient, an_observation, flipped


def put(
    world: World, type: str, id: str, resource: dict[str, Any], role: Role = Role.CLINICIAN, **how: Any
) -> Released:
    return update(world.records, world.call(role), type, id, json.dumps({"id": id} | resource).encode(), **how)


def of(released: Released) -> dict[str, bytes]:
    return {name: value for name, value in split(released.body).items() if name != "meta"}


def test_an_update_is_the_next_version(world: World, patient: str) -> None:
    released = put(world, "Patient", patient, a_patient(birthDate="1980-01-01"))
    assert (released.version, json.loads(released.body)["birthDate"]) == (2, "1980-01-01")
    assert world.store.read("north", "Patient", patient).version == 2
    event = world.recorded()
    assert (event.action, event.version, event.patient, event.success) == (Action.UPDATE, 2, patient, True)


def test_what_the_caller_sees_and_leaves_out_is_removed(world: World, patient: str) -> None:
    resource = a_patient()
    del resource["telecom"]
    put(world, "Patient", patient, resource)
    assert "telecom" not in json.loads(read(world.records, world.call(), "Patient", patient).body)


def test_the_record_comes_before_the_commit(world: World, patient: str) -> None:
    put(world, "Patient", patient, a_patient())
    assert world.steps == ["record", "commit"]


def test_a_thinned_read_put_back_loses_nothing(world: World, patient: str) -> None:
    made = world.make("Observation", an_observation(patient, meta={"tag": [{"system": "urn:x", "code": "kept"}]}))
    before = read(world.records, world.call(), "Observation", made.id)

    thinned = read(world.records, world.call(Role.CARE_COORDINATOR), "Observation", made.id)
    assert "valueQuantity" not in json.loads(thinned.body)
    answered = update(world.records, world.call(Role.CARE_COORDINATOR), "Observation", made.id, thinned.body)

    after = read(world.records, world.call(), "Observation", made.id)
    assert of(after) == of(before)
    assert json.loads(after.body)["meta"]["tag"] == [{"system": "urn:x", "code": "kept"}]
    assert "security" not in json.loads(after.body)["meta"]
    assert of(answered) == of(thinned)


def test_a_client_that_writes_json_its_own_way_loses_nothing_either(world: World, patient: str) -> None:
    made = world.make("Observation", an_observation(patient))
    thinned = json.loads(read(world.records, world.call(Role.CARE_COORDINATOR), "Observation", made.id).body)
    del thinned["meta"]
    put(world, "Observation", made.id, dict(reversed(thinned.items())), Role.CARE_COORDINATOR)
    after = json.loads(read(world.records, world.call(), "Observation", made.id).body)
    assert {name: after[name] for name in an_observation(patient)} == an_observation(patient)


def test_hidden_elements_do_not_come_back_in_the_answer(world: World, patient: str) -> None:
    made = world.make("Observation", an_observation(patient))
    world.forget()
    thinned = read(world.records, world.call(Role.CARE_COORDINATOR), "Observation", made.id)
    world.forget()
    answered = update(world.records, world.call(Role.CARE_COORDINATOR), "Observation", made.id, thinned.body)
    assert b"6.25" not in answered.body
    assert b"REDACTED" in answered.body
    assert set(world.recorded().classes) == {"administrative", "identifying"}


def test_what_is_seen_but_not_writable_must_come_back_the_same(world: World, patient: str) -> None:
    coordinator = world.call(Role.CARE_COORDINATOR)
    world.facts.members["north", patient, coordinator.principal.user_id] = Role.CARE_COORDINATOR
    made = world.make("Observation", an_observation(patient))
    seen = json.loads(read(world.records, coordinator, "Observation", made.id).body)
    assert seen["valueQuantity"]["value"] == 6.25

    put(world, "Observation", made.id, seen, Role.CARE_COORDINATOR)
    changed = seen | {"valueQuantity": seen["valueQuantity"] | {"value": 9.5}}
    left_out = {name: value for name, value in seen.items() if name != "valueQuantity"}
    for other in (changed, left_out):
        with pytest.raises(AccessDenied):
            put(world, "Observation", made.id, other, Role.CARE_COORDINATOR)
    assert json.loads(read(world.records, world.call(), "Observation", made.id).body)["valueQuantity"]["value"] == 6.25


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.PATIENT, Role.PRIVACY_OFFICER, Role.AUDITOR])
def test_who_may_not_update_is_denied(world: World, patient: str, role: Role) -> None:
    call = world.call(role, patient_id=patient if role is Role.PATIENT else None)
    body = json.dumps(a_patient(id=patient)).encode()
    with pytest.raises(AccessDenied):
        update(world.records, call, "Patient", patient, body)
    assert (world.recorded().error, world.recorded().patient) == ("denied", patient)
    assert world.store.read("north", "Patient", patient).version == 1


def test_a_resource_stays_with_its_subject(world: World, patient: str) -> None:
    other = world.make("Patient", a_patient()).id
    made = world.make("Observation", an_observation(patient))
    with pytest.raises(Unprocessable):
        put(world, "Observation", made.id, an_observation(other))
    related = world.make(
        "RelatedPerson", {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{patient}"}}
    )
    moved = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{other}"}}
    with pytest.raises(Unprocessable):
        put(world, "RelatedPerson", related.id, moved)


def test_an_update_of_nothing_creates_nothing(world: World) -> None:
    with pytest.raises(NotFound):
        put(world, "Patient", "0199b3c2-0000-7000-8000-000000000009", a_patient())
    assert world.store.versions == {}


def test_a_deletion_is_not_written_over(world: World, patient: str) -> None:
    delete(world.records, world.call(), "Patient", patient)
    with pytest.raises(Gone):
        put(world, "Patient", patient, a_patient())
    with pytest.raises(AccessDenied):
        put(world, "Patient", patient, a_patient(), Role.AUDITOR)


@pytest.mark.parametrize("id", [None, "0199b3c2-0000-7000-8000-000000000009"])
def test_the_body_names_the_same_resource_as_the_url(world: World, patient: str, id: str | None) -> None:
    with pytest.raises(InvalidInput):
        put(world, "Patient", patient, a_patient(id=id))


def test_a_stale_if_match_fails_and_the_current_one_holds(world: World, patient: str) -> None:
    put(world, "Patient", patient, a_patient(), if_match='W/"1"')
    with pytest.raises(PreconditionFailed):
        put(world, "Patient", patient, a_patient(), if_match='W/"1"')
    assert world.store.read("north", "Patient", patient).version == 2


@pytest.mark.parametrize(("if_match", "error"), [(None, Conflict), ('W/"1"', PreconditionFailed)])
def test_of_two_writers_one_wins_and_the_other_is_told(
    world: World, patient: str, if_match: str | None, error: type[Exception]
) -> None:
    world.store.before_commit = lambda: put(world, "Patient", patient, a_patient(active=False))
    with pytest.raises(error) as caught:
        put(world, "Patient", patient, a_patient(birthDate="1980-01-01"), if_match=if_match)
    assert type(caught.value) is error
    assert json.loads(read(world.records, world.call(), "Patient", patient).body)["birthDate"] == "1979-04-06"
    outcomes = [(event.success, event.error) for event in world.events if event.action is Action.UPDATE]
    assert outcomes == [(True, ""), (True, ""), (False, error.code)]


def test_the_whole_resource_is_validated_again(world: World, patient: str) -> None:
    with pytest.raises(InvalidInput):
        put(world, "Patient", patient, a_patient(gender="banana"))
    assert world.store.read("north", "Patient", patient).version == 1


def test_an_update_over_tampered_data_is_refused(world: World, patient: str) -> None:
    envelope = world.store.read("north", "Patient", patient).envelope
    world.store.replace("north", "Patient", patient, envelope=flipped(envelope))
    with pytest.raises(IntegrityError):
        put(world, "Patient", patient, a_patient())
    assert world.recorded().risk == "CRITICAL"
    assert world.store.read("north", "Patient", patient).version == 1


@pytest.mark.parametrize("failure", ["before", "after"])
def test_without_a_record_nothing_is_written(world: World, patient: str, failure: str) -> None:
    world.locked.failures = [failure]
    with pytest.raises(Unavailable):
        put(world, "Patient", patient, a_patient(active=False))
    assert world.store.read("north", "Patient", patient).version == 1


def test_a_reference_that_was_kept_is_not_checked_again(world: World, patient: str) -> None:
    practitioner = world.make("Practitioner", {"resourceType": "Practitioner", "active": True}).id
    performer = [{"reference": f"Practitioner/{practitioner}"}]
    made = world.make("Observation", an_observation(patient, performer=performer))
    thinned = read(world.records, world.call(Role.CARE_COORDINATOR), "Observation", made.id)
    assert b"performer" not in thinned.body
    # Nobody may delete from the directory yet, but a tombstone is what would stand there.
    world.store.replace("north", "Practitioner", practitioner, envelope=None)
    update(world.records, world.call(Role.CARE_COORDINATOR), "Observation", made.id, thinned.body)
    assert b"performer" in read(world.records, world.call(), "Observation", made.id).body


def test_what_refers_to_a_hidden_contained_resource_can_be_put_back(world: World) -> None:
    above = world.make("Organization", {"resourceType": "Organization", "active": True}).id
    contained = [{"resourceType": "Organization", "id": "org", "partOf": {"reference": f"Organization/{above}"}}]
    resource = a_patient(contained=contained, managingOrganization={"reference": "#org"})
    made = world.make("Patient", resource)
    thinned = read(world.records, world.call(Role.CARE_COORDINATOR), "Patient", made.id)
    assert b"contained" not in thinned.body
    world.store.replace("north", "Organization", above, envelope=None)
    update(world.records, world.call(Role.CARE_COORDINATOR), "Patient", made.id, thinned.body)
    assert json.loads(read(world.records, world.call(), "Patient", made.id).body)["contained"] == contained


def test_what_lost_the_contained_resource_it_refers_to_can_be_mended(world: World, patient: str) -> None:
    """Somebody took it away who didn't see what refers to it."""
    reason = {"resourceType": "Condition", "id": "dx", "subject": {"reference": f"Patient/{patient}"}}
    visit = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
    }
    made = world.make("Encounter", visit | {"contained": [reason], "reasonReference": [{"reference": "#dx"}]})
    own = world.call(Role.PATIENT, patient_id=patient)
    said = consent(patient, type="deny", securityLabel=labels("clinical"))
    withheld = world.make("Consent", said, own).id
    put(world, "Encounter", made.id, visit)
    update(world.records, own, "Consent", withheld, json.dumps(said | {"id": withheld, "status": "inactive"}).encode())
    left = json.loads(read(world.records, world.call(), "Encounter", made.id).body)
    assert "reasonReference" in left
    assert "contained" not in left
    with pytest.raises(Unprocessable, match="not there"):
        put(world, "Encounter", made.id, left)
    assert put(world, "Encounter", made.id, left | {"contained": [reason]}).version == 3
    assert put(world, "Encounter", made.id, visit).version == 4
