"""Grants: who may be given what, by whom, and what is recorded before each step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import (
    AccessDenied,
    InvalidInput,
    NotFound,
    PhivaultError,
    SignInAgain,
    Unavailable,
    Unprocessable,
    UnsupportedParameter,
)
from phivault.permissions.call import Call
from phivault.permissions.grants.approve import approve_grant
from phivault.permissions.grants.end import end_grant
from phivault.permissions.grants.rollback import roll_back_grant
from phivault.permissions.grants.show import list_grants, show_grant
from phivault.permissions.grants.state import State
from tests.support.granting import DAY, approve, propose, state
from tests.support.two_people import NORTH, SOUTH, World, body


@pytest.mark.parametrize("kind", ["access", "delegate", "project"])
def test_each_kind_holds_once_another_person_approved_it(
    world: World, coordinator: str, officer: str, kind: str, request: pytest.FixtureRequest
) -> None:
    members = request.getfixturevalue(kind)
    grant = propose(world, coordinator, members)
    assert world.grants.facts == {}
    assert state(world, grant) == "proposed"
    approve(world, officer, grant)
    user_id, terms = world.grants.facts[NORTH, grant.id]
    assert (user_id, terms.until) == (members["user_id"], members["until"])
    assert terms.classes == tuple(members.get("classes", ()))
    expected = {"access": ("TREATMENT",), "delegate": ("PATIENT_REQUEST",), "project": ()}
    assert terms.purposes == expected[kind]
    assert state(world, grant) == "active"


def test_both_steps_are_recorded_with_whom_they_are_for_and_by(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    grant = propose(world, coordinator, access)
    for action, risk, by in ((Action.GRANT_PROPOSE, RiskLevel.MEDIUM, coordinator), (None, RiskLevel.HIGH, officer)):
        if action is None:
            approve(world, officer, grant)
        event = world.last(action or Action.GRANT_APPROVE)
        assert (event.risk, event.user_id, event.patient, event.version) == (risk, by, access["patient"], 1)
        assert {f"for:{access['user_id']}", f"by:{coordinator}"} <= set(event.flags)


def test_nothing_holds_that_could_not_be_recorded(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    grant = propose(world, coordinator, access)
    world.locked.failures = ["before"] * 9
    with pytest.raises(Unavailable):
        approve(world, officer, grant)
    assert world.grants.facts == {}


def test_neither_the_proposer_nor_the_grantee_approves(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    grant = propose(world, officer, access)
    with pytest.raises(AccessDenied):
        approve(world, officer, grant)
    grant = propose(world, coordinator, access | {"user_id": officer})
    with pytest.raises(AccessDenied):
        approve(world, officer, grant)
    assert world.last(Action.GRANT_APPROVE).risk is RiskLevel.HIGH
    with pytest.raises(AccessDenied):
        propose(world, coordinator, access | {"user_id": coordinator})
    assert world.grants.facts == {}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"user_id": "0b0f8f1e-1111-4111-8111-0123456789ab"}, NotFound),
        ({"patient": "0b0f8f1e-1111-4111-8111-0123456789ab"}, NotFound),
        ({"user_id": "nobody"}, InvalidInput),
        ({"classes": []}, InvalidInput),
        ({"classes": ["deidentified"]}, InvalidInput),
        ({"classes": ["clinical", "clinical"]}, InvalidInput),
        ({"purposes": []}, InvalidInput),
        ({"purposes": ["RESEARCH"]}, InvalidInput),
        ({"purposes": ["EMERGENCY"]}, InvalidInput),
        ({"purposes": None}, InvalidInput),
        ({"project": "kidney-2026"}, InvalidInput),
        ({"relation": "parent"}, InvalidInput),
        ({"until": 1}, Unprocessable),
        ({"until": int(time.time()) + 400 * DAY}, Unprocessable),
        ({"starts": int(time.time()) + 60 * DAY}, Unprocessable),
        ({"until": True}, InvalidInput),
        ({"until": 1.5}, InvalidInput),
        ({"extra": 1}, InvalidInput),
        ({"kind": "delegate"}, InvalidInput),
    ],
)
def test_what_may_not_be_granted_is_refused_and_recorded(
    world: World, coordinator: str, access: dict[str, Any], changed: dict[str, Any], error: type[PhivaultError]
) -> None:
    with pytest.raises(error):
        propose(world, coordinator, access | changed)
    assert world.last(Action.GRANT_PROPOSE).error == error.code
    assert world.grants.kept == {}


@pytest.mark.parametrize(
    "role", [Role.TENANT_ADMIN, Role.SECURITY_OFFICER, Role.AUDITOR, Role.RESEARCHER, Role.PATIENT]
)
def test_who_administers_audits_or_researches_is_given_no_record(
    world: World, coordinator: str, access: dict[str, Any], role: Role
) -> None:
    with pytest.raises(Unprocessable):
        propose(world, coordinator, access | {"user_id": world.somebody(role)})


def test_a_delegate_is_a_patient_and_another_one(world: World, coordinator: str, delegate: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable):
        propose(world, coordinator, delegate | {"user_id": world.somebody(Role.CLINICIAN)})
    themself = world.somebody(Role.PATIENT, patient_id=delegate["patient"])
    with pytest.raises(Unprocessable):
        propose(world, coordinator, delegate | {"user_id": themself})
    with pytest.raises(Unprocessable):
        propose(world, coordinator, delegate | {"relation": "carer"})  # two years at most


def test_a_project_takes_a_researcher_and_no_patient(
    world: World, coordinator: str, officer: str, project: dict[str, Any]
) -> None:
    with pytest.raises(Unprocessable):
        propose(world, coordinator, project | {"user_id": world.somebody(Role.CLINICIAN)})
    for changed in ({"project": "Kidney"}, {"project": "a#b"}, {"patient": world.patient()}, {"classes": ["clinical"]}):
        with pytest.raises(InvalidInput):
            propose(world, coordinator, project | changed)


def test_another_tenants_grant_is_as_unknown_as_none(world: World, coordinator: str, access: dict[str, Any]) -> None:
    grant = propose(world, coordinator, access)
    stranger = world.somebody(Role.PRIVACY_OFFICER, SOUTH)
    verbs: list[Callable[[Call, str], object]] = [
        show_grant,
        lambda call, it: approve_grant(call, it, body(version=1)),
        lambda call, it: end_grant(call, it, {}),
        lambda call, it: roll_back_grant(call, it, body(version=1)),
    ]
    for unknown in (grant.id, "nobody", "", f"../{grant.id}", f"{grant.id}#"):
        for verb in verbs:
            with pytest.raises(NotFound):
                verb(world.call(stranger, SOUTH), unknown)
    assert list_grants(world.call(stranger, SOUTH), {}) == {"grants": [], "cursor": None}
    with pytest.raises(NotFound):
        propose(world, stranger, access, SOUTH)


def test_a_list_is_filtered_by_ids_and_paged(world: World, coordinator: str, access: dict[str, Any]) -> None:
    made = [propose(world, coordinator, access).id for _ in range(3)]
    other = propose(world, coordinator, access | {"patient": world.patient()}).id
    seen: list[str] = []
    cursor = ""
    while True:
        asked = {"limit": "2", "patient": access["patient"]} | ({"cursor": cursor} if cursor else {})
        page = list_grants(world.call(coordinator), asked)
        seen += [one["id"] for one in page["grants"]]
        if not (cursor := page["cursor"] or ""):
            break
    assert seen == sorted(made)
    event = world.last(Action.GRANT_LIST)
    assert (event.patient, event.risk) == (access["patient"], RiskLevel.LOW)
    everything = list_grants(world.call(coordinator), {"user": access["user_id"]})["grants"]
    assert {one["id"] for one in everything} == {*made, other}
    for wrong in ({"limit": "0"}, {"user": "x"}, {"cursor": "#"}):
        with pytest.raises(InvalidInput):
            list_grants(world.call(coordinator), wrong)
    with pytest.raises(UnsupportedParameter):
        list_grants(world.call(coordinator), {"tenant": SOUTH})


def test_a_change_needs_a_recent_sign_in_and_a_role_for_it(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    grant = propose(world, coordinator, access)
    with pytest.raises(SignInAgain):
        approve_grant(world.call(officer, age=400), grant.id, body(version=1))
    with pytest.raises(SignInAgain):
        end_grant(world.call(officer, age=400), grant.id, {})
    admin, clinician = world.somebody(Role.TENANT_ADMIN), world.somebody(Role.CLINICIAN)
    for call in (
        lambda: propose(world, admin, access),
        lambda: approve(world, admin, grant),
        lambda: approve(world, coordinator, grant),
        lambda: show_grant(world.call(clinician), grant.id),
        lambda: list_grants(world.call(clinician), {}),
        lambda: end_grant(world.call(clinician), grant.id, {}),
    ):
        with pytest.raises(AccessDenied):
            call()
    assert world.grants.kept[NORTH, grant.id].state is State.PROPOSED
