"""The trail of a call: nothing fails without its event, and no event says more than ids and codes."""

from __future__ import annotations

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, IntegrityError, NotFound, PhivaultError, Unavailable
from phivault.phi.data_class import DataClass
from phivault.records.events import Target, Trail
from tests.support.people import EMERGENCY
from tests.support.records_fakes import REQUEST_ID, World

PATIENT = "0199b3c2-0000-7000-8000-000000000001"


def trail(world: World, action: Action = Action.READ, patient: str = PATIENT) -> Trail:
    return Trail(world.records, world.call(), action, Target("Patient", PATIENT, 3, patient))


@pytest.mark.parametrize(
    ("action", "patient", "classes", "error", "risk"),
    [
        (Action.READ, PATIENT, {DataClass.CLINICAL}, None, RiskLevel.LOW),
        (Action.READ, PATIENT, {DataClass.SENSITIVE}, None, RiskLevel.MEDIUM),
        (Action.DELETE, PATIENT, (), None, RiskLevel.HIGH),
        (Action.READ, PATIENT, (), AccessDenied(), RiskLevel.HIGH),
        (Action.READ, "", (), AccessDenied(), RiskLevel.MEDIUM),
        (Action.READ, "", (), NotFound(), RiskLevel.LOW),
        (Action.READ, PATIENT, (), IntegrityError(), RiskLevel.CRITICAL),
    ],
)
def test_risk(
    world: World,
    action: Action,
    patient: str,
    classes: set[DataClass],
    error: PhivaultError | None,
    risk: RiskLevel,
) -> None:
    assert trail(world, action, patient).event(classes, error=error).risk is risk


def test_an_emergency_is_high_risk(world: World) -> None:
    emergency = Trail(world.records, world.call(Role.CLINICIAN, EMERGENCY), Action.READ, Target("Patient"))
    assert emergency.event().risk is RiskLevel.HIGH


def test_events_carry_what_they_are_evidence_for(world: World) -> None:
    assert {"hipaa:164.312.b", "gdpr:art5.2", "decision:permit"} <= set(trail(world).event().flags)
    assert "gdpr:art5.2" not in trail(world, patient="").event({DataClass.ADMINISTRATIVE}).flags
    assert "gdpr:art5.2" in trail(world, patient="").event({DataClass.CONTACT}).flags
    assert "decision:deny" in trail(world).event(error=AccessDenied()).flags


@pytest.mark.parametrize("made_up", ["Zyxwvuts", "123-45-6789", PATIENT.upper(), PATIENT + "-x", "x" * 500])
def test_only_ids_of_our_own_shape_are_recorded(world: World, made_up: str) -> None:
    event = trail(world).event(target=Target("Patient", made_up, 1, made_up))
    assert (event.resource_id, event.patient) == ("", "")


def test_a_failure_is_recorded_and_goes_on(world: World) -> None:
    with pytest.raises(NotFound), trail(world):
        raise NotFound
    event = world.recorded()
    assert (event.success, event.error, event.request_id) == (False, "not-found", REQUEST_ID)


def test_an_unexpected_failure_is_recorded_without_its_text(world: World) -> None:
    with pytest.raises(ValueError, match="Zyxwvuts"), trail(world):
        raise ValueError("Zyxwvuts")
    assert world.recorded().error == "internal"
    assert b"Zyxwvuts" not in b"".join(world.locked.objects.values())


def test_success_leaves_what_was_recorded_and_no_more(world: World) -> None:
    with trail(world) as one:
        one.record(one.event())
    assert world.recorded().success is True


def test_a_recorder_that_failed_is_not_asked_again(world: World) -> None:
    world.locked.failures = ["before", "before"]
    with pytest.raises(Unavailable), trail(world) as one:
        one.record(one.event())
    assert world.locked.failures == ["before"]


def test_a_failure_that_cannot_be_recorded_is_unavailable(world: World) -> None:
    world.locked.failures = ["before"]
    with pytest.raises(Unavailable), trail(world):
        raise AccessDenied
