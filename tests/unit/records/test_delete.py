"""Deleting: recorded, then a deletion as the next version."""

from __future__ import annotations

import json

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Conflict, NotFound, PreconditionFailed, Unavailable
from phivault.records.delete import Deleted, delete
from phivault.records.update import update
from phivault.records.vread import vread
from tests.support.records_fakes import World, a_patient, an_observation


def test_a_deletion_is_a_version_without_data(world: World, patient: str) -> None:
    assert delete(world.records, world.call(), "Patient", patient) == Deleted("Patient", patient, 2)
    stored = world.store.read("north", "Patient", patient)
    assert (stored.version, stored.envelope) == (2, None)
    event = world.recorded()
    assert (event.action, event.risk, event.version, event.patient) == (Action.DELETE, RiskLevel.HIGH, 2, patient)
    assert world.steps == ["record", "commit"]


def test_deleting_again_succeeds_is_recorded_and_writes_nothing(world: World, patient: str) -> None:
    first = delete(world.records, world.call(), "Patient", patient)
    assert delete(world.records, world.call(), "Patient", patient) == first
    assert [event.success for event in world.events] == [True, True]
    assert world.steps == ["record", "commit", "record"]
    with pytest.raises(AccessDenied):
        delete(world.records, world.call(Role.AUDITOR), "Patient", patient)


def test_earlier_versions_stay_readable(world: World, patient: str) -> None:
    delete(world.records, world.call(), "Patient", patient)
    assert json.loads(vread(world.records, world.call(), "Patient", patient, 1).body)["active"] is True


def test_what_others_refer_to_can_be_deleted(world: World, patient: str) -> None:
    made = world.make("Observation", an_observation(patient))
    delete(world.records, world.call(), "Patient", patient)
    assert vread(world.records, world.call(), "Observation", made.id, 1).version == 1


@pytest.mark.parametrize("role", [Role.CARE_COORDINATOR, Role.RESEARCHER, Role.PRIVACY_OFFICER])
def test_who_may_not_delete_every_element_is_denied(world: World, patient: str, role: Role) -> None:
    with pytest.raises(AccessDenied):
        delete(world.records, world.call(role), "Patient", patient)
    assert world.store.read("north", "Patient", patient).version == 1
    assert (world.recorded().risk, world.recorded().patient) == (RiskLevel.HIGH, patient)


def test_nothing_to_delete_is_not_found(world: World, patient: str) -> None:
    with pytest.raises(NotFound):
        delete(world.records, world.call(tenant="south"), "Patient", patient)


def test_a_stale_if_match_fails(world: World, patient: str) -> None:
    body = json.dumps(a_patient(id=patient)).encode()
    update(world.records, world.call(), "Patient", patient, body)
    with pytest.raises(PreconditionFailed):
        delete(world.records, world.call(), "Patient", patient, if_match='W/"1"')
    delete(world.records, world.call(), "Patient", patient, if_match='W/"2"')


def test_a_lost_race_is_a_conflict(world: World, patient: str) -> None:
    body = json.dumps(a_patient(id=patient)).encode()
    world.store.before_commit = lambda: update(world.records, world.call(), "Patient", patient, body)
    with pytest.raises(Conflict):
        delete(world.records, world.call(), "Patient", patient)
    assert world.store.read("north", "Patient", patient).envelope is not None


def test_without_a_record_nothing_is_deleted(world: World, patient: str) -> None:
    world.locked.failures = ["after"]
    with pytest.raises(Unavailable):
        delete(world.records, world.call(), "Patient", patient)
    assert world.store.read("north", "Patient", patient).version == 1
