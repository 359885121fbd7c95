"""From where the tenant lets nobody in: with everything else right, also with a session that began inside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import SourceRefused, Unauthenticated
from phivault.identity.inputs import Refresh
from phivault.identity.refresh import refresh
from phivault.identity.tenant_rules import TenantRules
from tests.unit.identity.callers import again, caller, world_now
from tests.unit.identity.fakes import ELSEWHERE, HOME, World, authorized

INSIDE = TenantRules(networks={"*": (HOME.ip + "/32",)}, version=1)


@pytest.fixture
def world() -> World:
    return world_now()


def test_a_session_from_inside_carried_outside(world: World) -> None:
    me = caller(world)
    me.call(ELSEWHERE)
    world.rules.by_tenant["tenant-a"] = INSIDE
    with pytest.raises(SourceRefused):
        me.call(ELSEWHERE)
    event = world.events[-1]
    assert (event.action, event.error, event.risk) == (Action.SESSION_REFUSED, "source-refused", RiskLevel.HIGH)
    assert (event.user_id, event.tenant) == (me.person.sub, "tenant-a")
    assert world.opened(event)["ip_address"] == ELSEWHERE.ip
    me.call(HOME)  # its owner, who stayed, isn't put out by a thief


def test_a_password_and_a_code_from_outside_yield_no_tokens(world: World) -> None:
    world.rules.by_tenant["tenant-a"] = INSIDE
    with pytest.raises(SourceRefused):
        again(world, world.person, ELSEWHERE)
    event = world.events[-1]
    assert (event.action, event.error, event.risk) == (Action.CHALLENGE, "source-refused", RiskLevel.HIGH)
    assert world.state.sessions == {}
    assert len(world.provider.revoked) == 1
    again(world, world.person, HOME).call()


def test_a_stolen_refresh_token_from_outside(world: World) -> None:
    me = caller(world)
    world.rules.by_tenant["tenant-a"] = INSIDE
    calls = world.provider.calls
    with pytest.raises(SourceRefused):
        refresh(world.identity, Refresh(refresh_token=me.tokens.refresh_token), ELSEWHERE)
    event = world.events[-1]
    assert (event.action, event.error, event.risk) == (Action.TOKEN_REFRESH, "source-refused", RiskLevel.HIGH)
    assert world.provider.calls == calls, "the token was used up, and its owner with it"
    newest = refresh(world.identity, Refresh(refresh_token=me.tokens.refresh_token), HOME)
    assert world.sessions.authenticate(authorized(newest.access_token), HOME)


def test_a_list_of_one_role_keeps_that_role_alone(world: World) -> None:
    me, admin = caller(world), caller(world, "tenant_admin")
    world.rules.by_tenant["tenant-a"] = TenantRules(networks={"tenant_admin": (HOME.ip + "/32",)})
    me.call(ELSEWHERE)
    with pytest.raises(SourceRefused):
        admin.call(ELSEWHERE)
    caller(world, "tenant_admin", "tenant-b").call(ELSEWHERE)


@pytest.mark.parametrize("ip", ["", "unknown", f"{HOME.ip}, {ELSEWHERE.ip}", f"{HOME.ip}.evil.test", "198.51.100.07"])
def test_an_address_that_cannot_be_read_is_outside(world: World, ip: str) -> None:
    me = caller(world)
    world.rules.by_tenant["tenant-a"] = INSIDE
    with pytest.raises(SourceRefused):
        me.call(replace(HOME, ip=ip))


def test_what_is_over_is_told_as_that_to_whoever_is_outside_too(world: World) -> None:
    me = caller(world)
    world.rules.by_tenant["tenant-a"] = INSIDE
    world.sessions.end_all(me.person.sub, int(world.clock()))
    with pytest.raises(Unauthenticated):
        me.call(ELSEWHERE)
