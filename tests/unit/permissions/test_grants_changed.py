"""Grants: no step of their state machine is skipped, by nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import (
    AccessDenied,
    Conflict,
    NotFound,
    PhivaultError,
    Unprocessable,
)
from phivault.permissions.grants.end import end_grant
from phivault.permissions.grants.rollback import roll_back_grant
from phivault.permissions.grants.show import show_grant
from phivault.permissions.grants.state import LIFETIME_SECONDS
from tests.support.granting import DAY, approve, change, propose, state
from tests.support.two_people import NORTH, World, body


def test_while_a_change_waits_the_approved_version_holds(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    grant = propose(world, coordinator, access)
    approve(world, officer, grant)
    changed = change(world, coordinator, grant)
    assert world.grants.facts[NORTH, grant.id][1].classes == ("clinical",)
    shown = show_grant(world.call(officer), grant.id)
    assert (shown["approved"]["version"], shown["waiting"]["version"], shown["state"]) == (1, 2, "active")
    with pytest.raises(Conflict):
        change(world, coordinator, grant)
    approve(world, officer, changed)
    assert world.grants.facts[NORTH, grant.id][1].classes == ("contact",)
    versions = show_grant(world.call(officer), grant.id)["versions"]
    assert [(one["version"], one["classes"], one["approved_by"]) for one in versions] == [
        (2, ["contact"], officer),
        (1, ["clinical"], officer),
    ]
    with pytest.raises(Conflict):
        change(world, coordinator, grant, base_version=1)


def test_a_rollback_is_a_new_version_with_the_terms_of_an_old_one(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    grant = propose(world, coordinator, access)
    approve(world, officer, grant)
    with pytest.raises(NotFound):
        roll_back_grant(world.call(coordinator), grant.id, body(version=7))
    approve(world, officer, change(world, coordinator, grant))
    back = roll_back_grant(world.call(coordinator), grant.id, body(version=1))
    with pytest.raises(AccessDenied):
        roll_back_grant(world.call(access["user_id"]), grant.id, body(version=1))
    assert approve(world, officer, back).version == 3
    assert world.grants.facts[NORTH, grant.id][1].classes == ("clinical",)
    assert "restores:1" in world.last(Action.GRANT_APPROVE).flags


def test_an_approval_names_what_was_looked_at(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    grant = propose(world, coordinator, access)
    approve(world, officer, grant)
    narrow = change(world, coordinator, grant)
    end_grant(world.call(coordinator), grant.id, {"only": "waiting"})
    wide = change(world, coordinator, grant, classes=["clinical", "sensitive"])
    assert wide.latest == narrow.latest + 1
    with pytest.raises(Conflict):
        approve(world, officer, narrow)
    assert world.grants.facts[NORTH, grant.id][1].classes == ("clinical",)


def test_one_person_revokes_at_once_with_what_waits(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    grant = propose(world, coordinator, access)
    approve(world, officer, grant)
    changed = change(world, coordinator, grant)
    end_grant(world.call(world.somebody(Role.TENANT_ADMIN)), grant.id, {})
    assert world.last(Action.GRANT_REVOKE).risk is RiskLevel.HIGH
    assert world.grants.facts == {}
    assert state(world, grant) == "revoked"
    for again in (
        lambda: approve(world, officer, changed),
        lambda: approve(world, officer, grant),
        lambda: change(world, coordinator, grant),
        lambda: roll_back_grant(world.call(coordinator), grant.id, body(version=1)),
        lambda: end_grant(world.call(officer), grant.id, {}),
        lambda: end_grant(world.call(officer), grant.id, {"only": "waiting"}),
    ):
        with pytest.raises(Conflict):
            again()
    assert world.grants.facts == {}


def test_what_was_withdrawn_or_expired_never_holds(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    withdrawn, expired = propose(world, coordinator, access), propose(world, coordinator, access)
    end_grant(world.call(officer), withdrawn.id, {})
    assert world.last(Action.GRANT_WITHDRAW).risk is RiskLevel.MEDIUM
    assert state(world, withdrawn) == "withdrawn"
    world.moved = LIFETIME_SECONDS + 1
    assert state(world, expired) == "expired"
    for grant in (withdrawn, expired):
        with pytest.raises(Conflict):
            approve(world, officer, grant)
        with pytest.raises(Conflict):
            change(world, coordinator, grant)
        with pytest.raises(Conflict):
            end_grant(world.call(officer), grant.id, {})


def test_a_grant_that_ended_is_not_brought_back(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    grant = propose(world, coordinator, access)
    approve(world, officer, grant)
    world.moved = 29 * DAY
    changed = change(world, coordinator, grant, until=int(world.now()) + 60 * DAY)
    world.moved = 31 * DAY
    assert state(world, grant) == "ended"
    for late in (lambda: approve(world, officer, changed), lambda: change(world, coordinator, grant)):
        with pytest.raises(Conflict):
            late()


def test_people_and_patient_must_still_be_there_when_it_is_approved(
    world: World, coordinator: str, officer: str, access: dict[str, Any]
) -> None:
    grant = propose(world, coordinator, access)
    before = dict(world.users), set(world.patients)
    proposer, grantee = world.users[NORTH, coordinator], world.users[NORTH, access["user_id"]]
    changes: list[tuple[Any, type[PhivaultError]]] = [
        (lambda: world.users.pop((NORTH, coordinator)), Conflict),
        (lambda: world.users.update({(NORTH, coordinator): replace(proposer, role=Role.CLINICIAN)}), Conflict),
        (lambda: world.users.pop((NORTH, access["user_id"])), NotFound),
        (lambda: world.users.update({(NORTH, access["user_id"]): replace(grantee, role=Role.AUDITOR)}), Unprocessable),
        (lambda: world.patients.clear(), NotFound),
    ]
    for change_of, error in changes:
        world.users, world.patients = dict(before[0]), set(before[1])
        change_of()
        with pytest.raises(error):
            approve(world, officer, grant)
        assert world.last(Action.GRANT_APPROVE).error == error.code
    assert world.grants.facts == {}
