"""A tenant's settings, changed from the version that was read, by whoever may, without shutting themselves out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.purpose import Purpose, PurposeOfUse, purpose_for
from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Conflict, InvalidInput, SignInAgain, Unavailable, Unprocessable
from phivault.identity.change_rules import (
    AllowListChange,
    SettingsChange,
    change_allow_list,
    change_settings,
    settings,
)
from phivault.identity.tenant_rules import TenantRules
from phivault.inputs import read
from tests.unit.identity.callers import Caller, caller, world_now
from tests.unit.identity.fakes import HOME, World

AS_IS: dict[str, Any] = {
    "idle_minutes": 30,
    "absolute_minutes": 720,
    "self_sign_up": False,
    "cooling_hours": 24,
    "version": 0,
}


@pytest.fixture
def world() -> World:
    return world_now()


@pytest.fixture
def admin(world: World) -> Caller:
    return caller(world, "tenant_admin")


def _change(**changed: Any) -> SettingsChange:
    return SettingsChange(**AS_IS | changed)


def _lists(version: int = 0, /, **networks: list[str]) -> AllowListChange:
    return AllowListChange(
        networks={name.replace("any", "*"): blocks for name, blocks in networks.items()}, version=version
    )


def test_settings_are_kept_and_recorded_first(world: World, admin: Caller) -> None:
    changed = change_settings(admin.call(), _change(idle_minutes=15, absolute_minutes=480, cooling_hours=72))
    assert changed == TenantRules(idle=900, absolute=28800, cooling=259200, version=1)
    assert world.rules.rules("tenant-a") == settings(admin.call()) == changed
    assert world.rules.rules("tenant-b") == TenantRules()
    event, read = world.events[-2:]
    assert (event.action, event.resource, event.version, event.risk) == (
        Action.SETTINGS_CHANGE,
        "Settings",
        1,
        RiskLevel.HIGH,
    )
    assert {"idle:900s", "absolute:28800s", "cooling:259200s"} <= set(event.flags)
    assert (read.action, read.version, read.risk) == (Action.SETTINGS_READ, 1, RiskLevel.LOW)


def test_nothing_changes_that_was_not_recorded(world: World, admin: Caller) -> None:
    call = admin.call()
    world.events_store.down = True
    with pytest.raises(Unavailable):
        change_settings(call, _change(idle_minutes=5))
    assert world.rules.rules("tenant-a") == TenantRules()


def test_purposes_of_requests_that_name_none_are_kept_until_they_change(world: World, admin: Caller) -> None:
    asked = {PurposeOfUse.OPERATIONS: ("care_coordinator", "privacy_officer"), PurposeOfUse.RESEARCH: ("researcher",)}
    purposes = {role: purpose for purpose, roles in asked.items() for role in roles}
    changed = change_settings(admin.call(), _change(purposes=purposes))
    assert changed.purposes == {role: purpose.value for role, purpose in purposes.items()}
    assert "purposes:changed" in world.events[-1].flags
    kept = change_settings(admin.call(), _change(version=1, idle_minutes=15))
    assert kept.purposes == changed.purposes
    assert "purposes:changed" not in world.events[-1].flags
    assert change_settings(admin.call(), _change(version=2, purposes={})).purposes == {}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("purpose", PurposeOfUse)
def test_no_role_has_a_default_that_gives_what_has_to_be_asserted(
    admin: Caller, role: Role, purpose: PurposeOfUse
) -> None:
    """Nobody breaks the glass, speaks as a patient or works for a study without saying so."""
    alone = {PurposeOfUse.PATIENT_REQUEST: Role.PATIENT, PurposeOfUse.RESEARCH: Role.RESEARCHER}
    care = {Role.CLINICIAN, Role.CARE_COORDINATOR}
    fits = (
        role is alone[purpose]
        if purpose in alone
        else purpose is not PurposeOfUse.EMERGENCY
        and role not in alone.values()
        and (purpose is not PurposeOfUse.TREATMENT or role in care)
    )
    change = _change(purposes={role.value: purpose})
    if fits:
        assert purpose_for(role, None, change_settings(admin.call(), change).purposes[role]) == Purpose(purpose, False)
    else:
        with pytest.raises(Unprocessable):
            change_settings(admin.call(), change)


def test_a_default_purpose_is_of_a_role(admin: Caller) -> None:
    with pytest.raises(InvalidInput):
        change_settings(admin.call(), _change(purposes={"nobody": PurposeOfUse.OPERATIONS}))
    with pytest.raises(InvalidInput, match="purposes"):
        read(SettingsChange, json.dumps(AS_IS | {"purposes": {"clinician": "LEISURE"}}).encode())


def test_a_registration_is_made_with_self_sign_up_and_rotated_when_asked(world: World, admin: Caller) -> None:
    first = change_settings(admin.call(), _change(self_sign_up=True))
    assert len(first.registration) == 22
    assert first.registration not in repr(first)
    kept = change_settings(admin.call(), _change(self_sign_up=True, version=1))
    assert kept.registration == first.registration
    rotated = change_settings(admin.call(), _change(self_sign_up=True, rotate_registration=True, version=2))
    assert rotated.registration not in ("", first.registration)
    assert "registration:changed" in world.events[-1].flags
    closed = change_settings(admin.call(), _change(version=3))
    assert (closed.self_sign_up, closed.registration) == (False, rotated.registration)
    assert "self-sign-up:off" in world.events[-1].flags
    assert not any(each.registration in str(world.events) for each in (first, rotated))


@pytest.mark.parametrize("version", [0, 2, 7])
def test_of_two_changes_the_second_is_told(world: World, admin: Caller, version: int) -> None:
    change_settings(admin.call(), _change(idle_minutes=10))
    with pytest.raises(Conflict):
        change_settings(admin.call(), _change(idle_minutes=20, version=version))
    with pytest.raises(Conflict):
        change_allow_list(admin.call(), _lists(version))
    assert world.rules.rules("tenant-a").idle == 600
    assert (world.events[-1].action, world.events[-1].error) == (Action.SETTINGS_CHANGE, "conflict")


def test_an_absolute_limit_below_the_idle_one(world: World, admin: Caller) -> None:
    with pytest.raises(Unprocessable):
        change_settings(admin.call(), _change(idle_minutes=60, absolute_minutes=59))
    assert world.rules.rules("tenant-a").version == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"idle_minutes": 4},
        {"idle_minutes": 1441},
        {"idle_minutes": "30"},
        {"absolute_minutes": 0},
        {"absolute_minutes": 1441},
        {"self_sign_up": 1},
        {"cooling_hours": 0},
        {"cooling_hours": 169},
        {"version": -1},
        {"registration": "chosen-by-the-caller"},
        {"networks": {}},
    ],
)
def test_what_no_settings_are(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        read(SettingsChange, json.dumps(AS_IS | changed).encode())


@pytest.mark.parametrize("role", ["clinician", "security_officer", "privacy_officer", "auditor"])
def test_nobody_else_sees_or_changes_them(world: World, role: str) -> None:
    me = caller(world, role)
    for attempt in (
        lambda: settings(me.call()),
        lambda: change_settings(me.call(), _change()),
        lambda: change_allow_list(me.call(), _lists()),
    ):
        with pytest.raises(AccessDenied):
            attempt()
        assert (world.events[-1].success, world.events[-1].risk) == (False, RiskLevel.HIGH)


def test_a_change_needs_a_recent_sign_in(world: World) -> None:
    world.clock.time -= 600
    admin = caller(world, "tenant_admin")
    world.clock.time += 600
    settings(admin.call())
    with pytest.raises(SignInAgain):
        change_settings(admin.call(), _change())
    with pytest.raises(SignInAgain):
        change_allow_list(admin.call(), _lists())


def test_networks_are_kept_as_they_are_written_best(world: World, admin: Caller) -> None:
    changed = change_allow_list(admin.call(), _lists(any=["198.51.100.0/24", "2001:0DB8::/32"], auditor=["192.0.2.1"]))
    assert changed.networks == {"*": ("198.51.100.0/24", "2001:db8::/32"), "auditor": ("192.0.2.1/32",)}
    assert "networks:changed" in world.events[-1].flags
    assert change_allow_list(admin.call(), _lists(1)).networks == {}


@pytest.mark.parametrize(
    "networks",
    [
        {"any": ["203.0.113.0/24"]},
        {"tenant_admin": ["203.0.113.0/24"]},
        {"any": ["0.0.0.0/0"], "tenant_admin": ["198.51.100.8/32"]},
        {"any": ["::/0"]},
    ],
)
def test_nobody_shuts_themselves_out(world: World, admin: Caller, networks: dict[str, list[str]]) -> None:
    with pytest.raises(Unprocessable) as refused:
        change_allow_list(admin.call(), _lists(**networks))
    assert HOME.ip not in str(refused.value)
    assert world.rules.rules("tenant-a").networks == {}
    assert (world.events[-1].action, world.events[-1].error) == (Action.SETTINGS_CHANGE, "unprocessable")


@pytest.mark.parametrize(
    "networks",
    [
        {"root": ["198.51.100.0/24"]},
        {"any": ["198.51.100.7/24"]},
        {"any": ["everywhere"]},
        {"any": ["198.51.100.0/99"]},
    ],
)
def test_what_no_networks_are(world: World, admin: Caller, networks: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidInput) as refused:
        change_allow_list(admin.call(), _lists(**networks))
    assert not any(text in str(refused.value) for text in ("root", "198.51", "everywhere"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"networks": {"*": []}, "version": 0}',  # would let that role in from anywhere, unlike what it looks like
        b'{"networks": {"*": "198.51.100.0/24"}, "version": 0}',
        b'{"networks": {"*": [1]}, "version": 0}',
        b'{"networks": {"*": [null]}, "version": 0}',
        b'{"networks": [], "version": 0}',
        b'{"networks": {"*": ["198.51.100.0/24"], "*": ["0.0.0.0/0"]}, "version": 0}',
        b'{"networks": {"*": [' + b",".join([b'"0.0.0.0/0"'] * 33) + b']}, "version": 0}',
        b'{"version": 0}',
    ],
)
def test_what_no_allow_list_is(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read(AllowListChange, body)
