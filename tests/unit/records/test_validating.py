"""$validate says what a create would say, keeps nothing, and is for those who may create."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import AccessDenied, InvalidInput, NotFound
from phivault.records.validating import validating
from tests.support.records_fakes import PLANTED, World, a_patient, an_observation


def _said(world: World, type: str, resource: dict[str, Any], role: Role = Role.CLINICIAN) -> list[dict[str, Any]]:
    said = json.loads(validating(world.records, world.call(role), type, json.dumps(resource).encode()))
    assert said["resourceType"] == "OperationOutcome"
    issues: list[dict[str, Any]] = said["issue"]
    return issues


@pytest.fixture
def patient(world: World) -> str:
    made = world.make("Patient", a_patient()).id
    world.forget()
    return made


def test_nothing_wrong_is_information(world: World, patient: str) -> None:
    for type, resource in (("Patient", a_patient()), ("Observation", an_observation(patient))):
        (issue,) = _said(world, type, resource)
        assert issue["severity"] == "information"


def test_nothing_is_kept_and_each_is_recorded(world: World, patient: str) -> None:
    _said(world, "Observation", an_observation(patient))
    _said(world, "Patient", a_patient(gender="Zyxwvuts"))
    assert "commit" not in world.steps
    assert [(event.action, event.resource, event.patient, event.success) for event in world.events] == [
        (Action.VALIDATE, "Observation", patient, True),
        (Action.VALIDATE, "Patient", "", True),
    ]


@pytest.mark.parametrize(
    ("changes", "expression"),
    [
        ({"status": "no-such-code"}, "Observation.status"),
        ({"effectiveDateTime": "yesterday"}, "Observation.effectiveDateTime"),
        ({"haemolysed": PLANTED[5]}, "Observation"),
        ({"valueQuantity": {"value": "6.25"}}, "Observation.valueQuantity.value"),
    ],
)
def test_findings_have_places_and_no_values(
    world: World, patient: str, changes: dict[str, Any], expression: str
) -> None:
    (issue,) = _said(world, "Observation", an_observation(patient) | changes)
    assert (issue["severity"], issue["expression"]) == ("error", [expression])
    assert not any(planted in json.dumps(issue) for planted in PLANTED)


def test_says_that_references_lead_nowhere_or_out_of_reach(world: World, patient: str) -> None:
    other = world.make("Patient", a_patient(), world.call(user_id="clinician-2")).id
    nothing = []
    for encounter in (f"Patient/{other}", f"Patient/{uuid4()}", f"Practitioner/{uuid4()}"):
        resource = an_observation(patient, focus=[{"reference": encounter}])
        (issue,) = _said(world, "Observation", resource)
        assert issue["severity"] == "error"
        nothing.append(issue["diagnostics"])
    assert nothing[0] == nothing[1]


def test_a_resource_without_its_patient_or_of_another_type_is_a_finding(world: World, patient: str) -> None:
    lost = {name: value for name, value in an_observation(patient).items() if name != "subject"}
    assert "Observation.subject" in _said(world, "Observation", lost)[0]["diagnostics"]
    assert "resourceType" in _said(world, "Condition", an_observation(patient))[0]["diagnostics"]


def test_takes_parameters(world: World, patient: str) -> None:
    def asked(*parameters: dict[str, Any]) -> dict[str, Any]:
        return {"resourceType": "Parameters", "parameter": list(parameters)}

    resource = {"name": "resource", "resource": an_observation(patient)}
    create = {"name": "mode", "valueCode": "create"}
    assert _said(world, "Observation", asked(resource, create))[0]["severity"] == "information"
    for refused in (
        asked(resource, {"name": "mode", "valueCode": "delete"}),
        asked(resource, {"name": "profile", "valueUri": "http://x.example/y"}),
        asked(resource, resource),
        asked(),
    ):
        with pytest.raises(InvalidInput):
            _said(world, "Observation", refused)


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.AUDITOR, Role.TENANT_ADMIN])
def test_is_not_for_those_who_create_nothing(world: World, patient: str, role: Role) -> None:
    for resource in (an_observation(patient), an_observation(patient, subject={}), {"resourceType": "Observation"}):
        with pytest.raises(AccessDenied):
            _said(world, "Observation", resource, role)
    assert {event.error for event in world.events} == {"denied"}


def test_a_type_that_is_not_served_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        _said(world, "Basic", {"resourceType": "Basic"})
