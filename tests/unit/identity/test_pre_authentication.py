"""Who may try a password."""

from __future__ import annotations

import pytest

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.errors import AccessDenied, Unavailable
from phivault.identity.directory import Status, User
from phivault.identity.pre_authentication import pre_authentication
from phivault.identity.trigger import read
from tests.support.trigger_events import SUB, trigger_event
from tests.unit.identity.fakes import World

ASKED = read(trigger_event("PreAuthentication_Authentication"), "request-1")


def _keep(world: World, status: Status) -> None:
    person = Personal(f"User/{SUB}", SUB, b"sealed")
    world.directory.rows["tenant-a", SUB] = User(SUB, "tenant-a", Role.CLINICIAN, None, person, 1, status=status)


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.OFFBOARDED])
def test_whoever_is_not_active_is_refused(world: World, status: Status) -> None:
    _keep(world, status)
    with pytest.raises(AccessDenied):
        pre_authentication(ASKED, world.directory)


def test_the_active_and_the_new_may_try(world: World) -> None:
    assert pre_authentication(ASKED, world.directory)["response"] == {}
    _keep(world, Status.ACTIVE)
    assert pre_authentication(ASKED, world.directory)["response"] == {}


def test_the_tenant_is_part_of_who_is_asked_for(world: World) -> None:
    _keep(world, Status.SUSPENDED)
    other = read(trigger_event("PreAuthentication_Authentication", custom__tenant_id="tenant-b"), "request-1")
    assert pre_authentication(other, world.directory)


def test_nobody_is_looked_up_as_somebody_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[tuple[str, str]] = []

    def look(tenant: str, user_id: str) -> None:
        looked.append((tenant, user_id))

    monkeypatch.setattr(world.directory, "user", look)
    event = trigger_event("PreAuthentication_Authentication") | {"userName": "nobody@example.test"}
    event["request"] = {"userAttributes": {}, "validationData": None, "userNotFound": True}
    assert pre_authentication(read(event, "request-1"), world.directory)["response"] == {}
    pre_authentication(ASKED, world.directory)
    assert looked == [("-", "-"), ("tenant-a", SUB)]


def test_what_cannot_be_known_is_no_yes(world: World) -> None:
    world.directory.down = True
    with pytest.raises(Unavailable):
        pre_authentication(ASKED, world.directory)
