"""A tenant's own policies: two people, versions that only grow, and what is recorded before anything holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Conflict, InvalidInput, NotFound, PhivaultError, SignInAgain, Unavailable
from phivault.permissions.policies.approve import approve_policies
from phivault.permissions.policies.propose import propose_policies
from phivault.permissions.policies.rollback import roll_back_policies
from phivault.permissions.policies.show import show_policies, show_policy_version
from phivault.permissions.policies.state import LIFETIME_SECONDS, MOST_OPEN, Proposal, sha256
from phivault.permissions.policies.withdraw import withdraw_policies
from tests.support.two_people import NORTH, SOUTH, TEXT, World, body

OTHER = TEXT.replace("coordinators-read-clinical", "another")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def admin(world: World) -> str:
    return world.somebody(Role.TENANT_ADMIN)


@pytest.fixture
def officer(world: World) -> str:
    return world.somebody(Role.SECURITY_OFFICER)


def propose(world: World, by: str, text: str = TEXT, base: int = 0, tenant: str = NORTH) -> Proposal:
    return propose_policies(world.call(by, tenant), body(text=text, base_version=base))


def test_a_proposal_holds_once_another_person_approved_it(world: World, admin: str, officer: str) -> None:
    proposal = propose(world, admin)
    assert show_policies(world.call(officer))["version"] == 0
    assert approve_policies(world.call(officer), proposal.id) == 1
    shown = show_policies(world.call(admin))
    assert (shown["version"], shown["text"], shown["ids"]) == (1, TEXT, ["coordinators-read-clinical"])
    assert shown["proposals"] == []
    [history] = shown["history"]
    assert (history["proposed_by"], history["approved_by"], history["sha256"]) == (admin, officer, sha256(TEXT))


def test_what_holds_is_recorded_as_high_with_both_people_and_the_texts_hash(
    world: World, admin: str, officer: str
) -> None:
    proposal = propose(world, admin)
    proposed = world.last(Action.POLICY_PROPOSE)
    assert (proposed.risk, proposed.resource_id, proposed.version) == (RiskLevel.MEDIUM, proposal.id, 1)
    approve_policies(world.call(officer), proposal.id)
    event = world.last(Action.POLICY_APPROVE)
    assert (event.risk, event.user_id, event.envelope) == (RiskLevel.HIGH, officer, sha256(TEXT))
    assert f"by:{admin}" in event.flags
    assert (event.resource_id, event.version, event.success) == (proposal.id, 1, True)


def test_nothing_holds_that_could_not_be_recorded(world: World, admin: str, officer: str) -> None:
    proposal = propose(world, admin)
    world.locked.failures = ["before"] * 9
    with pytest.raises(Unavailable):
        approve_policies(world.call(officer), proposal.id)
    world.locked.failures = []
    assert show_policies(world.call(officer))["version"] == 0


def test_a_change_that_loses_a_race_is_recorded_as_failed(world: World, admin: str, officer: str) -> None:
    proposal = propose(world, admin)
    world.policies.before_change = lambda: world.policies.withdraw(NORTH, proposal)
    with pytest.raises(Conflict):
        approve_policies(world.call(officer), proposal.id)
    granted, failed = world.events[-2:]
    assert (granted.success, failed.success, failed.error) == (True, False, "conflict")


@pytest.mark.parametrize(
    ("text", "base", "error"),
    [
        ("permit (principal, action, resource);", 0, InvalidInput),
        ("not cedar", 0, InvalidInput),
        ("", 0, InvalidInput),
        ("x" * 70_000, 0, InvalidInput),
        (TEXT, 1, Conflict),
    ],
)
def test_what_cannot_become_policies_is_refused_and_recorded(
    world: World, admin: str, text: str, base: int, error: type[PhivaultError]
) -> None:
    with pytest.raises(error) as refused:
        propose(world, admin, text, base)
    assert world.last(Action.POLICY_PROPOSE).error == error.code
    assert "cedar" not in refused.value.detail.replace("Cedar", "")
    assert world.policies.proposals(NORTH) == []


def test_an_approval_starts_from_the_version_that_was_proposed_against(world: World, admin: str, officer: str) -> None:
    first, second = propose(world, admin), propose(world, admin, OTHER)
    approve_policies(world.call(officer), first.id)
    with pytest.raises(Conflict):
        approve_policies(world.call(officer), second.id)
    shown = show_policies(world.call(officer))
    assert (shown["version"], [one["outdated"] for one in shown["proposals"]]) == (1, [True])


def test_versions_only_grow_and_a_rollback_is_approved_like_anything(world: World, admin: str, officer: str) -> None:
    approve_policies(world.call(officer), propose(world, admin).id)
    approve_policies(world.call(officer), propose(world, admin, OTHER, 1).id)
    back = roll_back_policies(world.call(admin), body(version=1))
    assert (back.base, back.restores, back.text) == (2, 1, TEXT)
    with pytest.raises(AccessDenied):
        approve_policies(world.call(admin), back.id)
    assert approve_policies(world.call(officer), back.id) == 3
    assert "restores:1" in world.last(Action.POLICY_APPROVE).flags
    none = roll_back_policies(world.call(admin), body(version=0))
    assert approve_policies(world.call(officer), none.id) == 4
    shown = show_policies(world.call(admin))
    assert (shown["text"], shown["ids"], [one["version"] for one in shown["history"]]) == ("", [], [4, 3, 2, 1])
    assert show_policy_version(world.call(admin), "2")["text"] == OTHER
    for unknown in ("0", "5", "01", "-1", "latest", "9" * 30):
        with pytest.raises(NotFound):
            show_policy_version(world.call(admin), unknown)
    with pytest.raises(NotFound):
        roll_back_policies(world.call(admin), body(version=5))


def test_the_proposer_must_still_be_active_and_allowed(world: World, admin: str, officer: str) -> None:
    proposal = propose(world, admin)
    was = world.users[NORTH, admin]
    for now in (replace(was, role=Role.CLINICIAN), None):
        if now is None:
            del world.users[NORTH, admin]
        else:
            world.users[NORTH, admin] = now
        with pytest.raises(Conflict):
            approve_policies(world.call(officer), proposal.id)
    world.users[NORTH, admin] = replace(was, role=Role.PRIVACY_OFFICER)
    assert approve_policies(world.call(officer), proposal.id) == 1


def test_who_proposed_or_may_approve_may_withdraw(world: World, admin: str, officer: str) -> None:
    for by in (admin, officer):
        proposal = propose(world, admin)
        withdraw_policies(world.call(by), proposal.id)
        assert world.last(Action.POLICY_WITHDRAW).risk is RiskLevel.MEDIUM
        with pytest.raises(NotFound):
            approve_policies(world.call(officer), proposal.id)
    proposal = propose(world, admin)
    auditor = world.somebody(Role.AUDITOR)
    with pytest.raises(AccessDenied):
        withdraw_policies(world.call(auditor), proposal.id)


def test_a_proposal_ends_after_seven_days(world: World, admin: str, officer: str) -> None:
    proposal = propose(world, admin)
    world.moved = LIFETIME_SECONDS + 1
    assert show_policies(world.call(officer))["proposals"] == []
    with pytest.raises(NotFound):
        approve_policies(world.call(officer), proposal.id)


def test_only_so_many_are_open_at_once(world: World, admin: str) -> None:
    for _ in range(MOST_OPEN):
        propose(world, admin)
    with pytest.raises(Conflict):
        propose(world, admin)
    withdraw_policies(world.call(admin), world.policies.proposals(NORTH)[0].id)
    propose(world, admin)


@pytest.mark.parametrize("verb", [approve_policies, withdraw_policies])
def test_another_tenants_proposal_is_as_unknown_as_none(world: World, admin: str, verb: Any) -> None:
    proposal = propose(world, admin)
    stranger = world.somebody(Role.SECURITY_OFFICER, SOUTH)
    for id in (proposal.id, "nobody", "", "PROPOSAL#00"):
        with pytest.raises(NotFound):
            verb(world.call(stranger, SOUTH), id)
    assert show_policies(world.call(stranger, SOUTH))["proposals"] == []


def test_a_change_needs_a_recent_sign_in_and_a_role_for_it(world: World, admin: str, officer: str) -> None:
    proposal = propose(world, admin)
    with pytest.raises(SignInAgain):
        approve_policies(world.call(officer, age=400), proposal.id)
    with pytest.raises(SignInAgain):
        propose_policies(world.call(admin, age=400), body(text=TEXT, base_version=0))
    with pytest.raises(AccessDenied):
        propose(world, officer)
    clinician = world.somebody(Role.CLINICIAN)
    for call in (lambda: show_policies(world.call(clinician)), lambda: propose(world, clinician)):
        with pytest.raises(AccessDenied):
            call()
    assert world.last(Action.POLICY_PROPOSE).risk is RiskLevel.HIGH


def test_an_outage_releases_nothing(world: World, admin: str) -> None:
    world.policies.down = True
    with pytest.raises(Unavailable):
        show_policies(world.call(admin))
    assert world.last(Action.POLICY_LIST).error == "unavailable"
