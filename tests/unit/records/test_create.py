"""Creating: authorize, validate, seal, record, commit; what fails leaves nothing behind but its event."""

from __future__ import annotations

import hashlib
import json
from unittest.mock import Mock

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Gone, InvalidInput, NotFound, Unavailable, Unprocessable
from phivault.records.bundles import answer
from phivault.records.create import create
from phivault.records.read import read
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation


def test_the_creator_of_a_patient_reads_it_at_once(world: World) -> None:
    made = world.make("Patient", a_patient())
    assert json.loads(read(world.records, world.call(), "Patient", made.id).body)["name"] == a_patient()["name"]
    assert ("north", made.id, "clinician-1") in world.facts.members


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_so_does_who_creates_one_in_a_bundle(world: World, kind: str) -> None:
    entry = {"request": {"method": "POST", "url": "Patient"}, "resource": a_patient()}
    bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
    (done,) = json.loads(answer(world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL).body)[
        "entry"
    ]
    assert read(world.records, world.call(), "Patient", done["response"]["location"].split("/")[-3]).version == 1


def test_the_record_comes_before_the_membership_and_the_commit(world: World) -> None:
    world.make("Patient", a_patient())
    assert world.steps == ["record", "join", "commit"]


def test_the_event_names_the_very_envelope_that_is_committed(world: World) -> None:
    made = world.make("Patient", a_patient())
    event, stored = world.recorded(), world.store.read("north", "Patient", made.id)
    assert (event.action, event.success, event.resource_id, event.version) == (Action.CREATE, True, made.id, 1)
    assert event.envelope == hashlib.sha256(stored.envelope).hexdigest()
    assert event.patient == made.id


def test_the_answer_is_what_was_sent_with_the_servers_own_part(world: World) -> None:
    made = world.make("Patient", a_patient(id="mine", meta={"versionId": "7", "source": "urn:example"}))
    body = json.loads(made.body)
    assert (body["id"], made.id == "mine") == (made.id, False)
    assert body["meta"] == {"versionId": "1", "lastUpdated": "2026-03-04T05:06:07.089Z", "source": "urn:example"}
    assert body["name"] == a_patient()["name"]


def test_nothing_of_a_resource_is_stored_in_the_clear(world: World, patient: str) -> None:
    world.make("Observation", an_observation(patient))
    for versions in world.store.versions.values():
        for version in versions:
            assert not any(value in version.envelope for value in (b"Zyxwvuts", b"mmol", b"Haemolysed", b"2339-0"))


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.AUDITOR, Role.TENANT_ADMIN, Role.CARE_COORDINATOR])
def test_who_may_not_create_is_denied_and_nothing_is_written(world: World, role: Role) -> None:
    with pytest.raises(AccessDenied):
        world.make("Patient", a_patient(), world.call(role))
    assert (world.store.versions, world.facts.members) == ({}, {})
    assert (world.recorded().error, world.recorded().risk) == ("denied", RiskLevel.MEDIUM)


def test_a_denial_about_a_patient_names_the_elements_and_the_patient(world: World, patient: str) -> None:
    with pytest.raises(AccessDenied) as caught:
        world.make("Observation", an_observation(patient, Zyxwvuts=1), world.call(user_id="clinician-2"))
    assert "valueQuantity" in caught.value.detail
    assert "Zyxwvuts" not in caught.value.detail
    assert (world.recorded().patient, world.recorded().risk) == (patient, RiskLevel.HIGH)


def test_nothing_is_looked_through_for_who_may_write_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """To look for identifiers in a megabyte of text takes seconds."""
    monkeypatch.setattr("phivault.records.create.marks", Mock(side_effect=AssertionError))
    with pytest.raises(AccessDenied, match="birthDate"):
        world.make("Patient", a_patient(), world.call(Role.AUDITOR))


def test_an_empty_resource_needs_a_grant_too(world: World) -> None:
    with pytest.raises(AccessDenied):
        world.make("Patient", {"resourceType": "Patient"}, world.call(Role.AUDITOR))
    made = world.make("Patient", {"resourceType": "Patient"})
    assert json.loads(read(world.records, world.call(), "Patient", made.id).body).keys() == {
        "resourceType",
        "id",
        "meta",
    }


@pytest.mark.parametrize(
    "change", [{"gender": "banana"}, {"birthDate": "1979-13-40"}, {"nickname": "Zyx"}, {"name": "Zyxwvuts"}]
)
def test_what_is_not_valid_is_recorded_and_not_written(world: World, change: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        world.make("Patient", a_patient(**change))
    assert not any(str(value) in str(caught.value) for value in change.values())
    assert (world.recorded().success, world.recorded().error) == (False, "invalid")
    assert (world.store.versions, world.facts.members, world.key_store.rows) == ({}, {}, {})


@pytest.mark.parametrize("body", [b"", b"[]", b'{"resourceType":"Observation"}', b'{"name":[]}', b"\xff"])
def test_what_is_no_resource_of_the_type_is_refused(world: World, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        create(world.records, world.call(), "Patient", body)
    assert world.store.versions == {}


def test_an_observation_of_nobody_is_refused(world: World) -> None:
    observation = an_observation("x")
    del observation["subject"]
    with pytest.raises(Unprocessable):
        world.make("Observation", observation)


def test_a_reference_to_nothing_is_unprocessable_and_leaves_an_outcome(world: World, patient: str) -> None:
    performer = [{"reference": "Practitioner/0199b3c2-0000-7000-8000-000000000009"}]
    with pytest.raises(Unprocessable):
        world.make("Observation", an_observation(patient, performer=performer))
    assert [(event.success, event.error) for event in world.events] == [(True, ""), (False, "unprocessable")]
    assert len({event.request_id for event in world.events}) == 1


def test_a_reference_beyond_reach_is_refused_before_anything_is_recorded_as_done(world: World, patient: str) -> None:
    encounter = {"reference": "Encounter/0199b3c2-0000-7000-8000-000000000009"}
    with pytest.raises(Unprocessable):
        world.make("Observation", an_observation(patient, encounter=encounter))
    assert [(event.success, event.error) for event in world.events] == [(False, "unprocessable")]


def test_a_patient_who_is_not_there_is_said_to_be_missing(world: World) -> None:
    for tenant_of_patient in ("nobody", "south"):
        there = world.call(tenant="south")
        id = world.make("Patient", a_patient(), there).id if tenant_of_patient == "south" else "0199b3c2-none"
        with pytest.raises(Unprocessable):
            world.make("Observation", an_observation(id))


@pytest.mark.parametrize("failure", ["before", "after"])
def test_without_a_record_nothing_is_written(world: World, failure: str) -> None:
    world.locked.failures = [failure]
    with pytest.raises(Unavailable):
        world.make("Patient", a_patient())
    assert (world.store.versions, world.facts.members) == ({}, {})


@pytest.mark.parametrize("failure", ["before", "after"])
def test_a_commit_of_unknown_outcome_is_unavailable_and_recorded(world: World, failure: str) -> None:
    world.store.fail_commit = failure
    with pytest.raises(Unavailable):
        world.make("Patient", a_patient())
    assert [(event.success, event.error) for event in world.events] == [(True, ""), (False, "unavailable")]


def test_a_membership_that_cannot_be_written_stops_the_commit(world: World, patient: str) -> None:
    world.facts.down = True
    with pytest.raises(Unavailable):
        world.make("Patient", a_patient())
    assert len(world.store.versions) == 1
    assert [(event.success, event.error) for event in world.events] == [(True, ""), (False, "unavailable")]


def test_an_erased_patient_gets_no_new_data(world: World, patient: str) -> None:
    world.destroy_key(f"Patient/{patient}")
    with pytest.raises(Gone):
        world.make("Observation", an_observation(patient))
    assert len(world.store.versions) == 1


def test_a_type_that_is_not_served_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.make("Basic", {"resourceType": "Basic"})


def test_creating_in_a_warm_patient_costs_no_call_of_the_key_service(world: World, patient: str) -> None:
    world.make("Observation", an_observation(patient))
    assert world.wrapper.calls == []
