"""Sessions, shown to their owner with where they are and to administrators without."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, IntegrityError, NotFound, Unavailable
from phivault.identity import personal
from phivault.identity.list_sessions import own_sessions, sessions_of
from phivault.identity.tenant_rules import TenantRules
from tests.unit.identity.callers import again, caller, world_now
from tests.unit.identity.fakes import ELSEWHERE, HOME, World


@pytest.fixture
def world() -> World:
    return world_now()


def test_ones_own_sessions_with_their_places(world: World) -> None:
    me = caller(world)
    world.clock.time += 5
    other = again(world, me.person, ELSEWHERE)
    call = me.call()
    newest, current = own_sessions(call)
    assert (current.id, current.current, newest.current) == (call.principal.session_id, True, False)
    assert (current.ip_address, current.user_agent) == (HOME.ip, HOME.user_agent)
    assert (newest.ip_address, newest.user_agent) == (ELSEWHERE.ip, ELSEWHERE.user_agent)
    assert newest.id == other.call(ELSEWHERE).principal.session_id
    assert (newest.opened, newest.seen, newest.expires) == (opened := int(world.clock()), opened, opened + 12 * 3600)
    assert ELSEWHERE.ip not in repr(newest)
    event = next(one for one in world.events if one.action is Action.SESSION_LIST)
    assert (event.resource, event.classes, event.success) == ("Session", ("identifying",), True)


def test_a_shorter_limit_shows_in_when_a_session_ends(world: World) -> None:
    me = caller(world)
    world.rules.by_tenant["tenant-a"] = TenantRules(absolute=3600)
    (shown,) = own_sessions(me.call())
    assert shown.expires == shown.opened + 3600


def test_nothing_is_shown_that_was_not_recorded(world: World) -> None:
    call = caller(world).call()
    world.events_store.down = True
    with pytest.raises(Unavailable):
        own_sessions(call)


def test_a_place_that_was_altered_is_recorded_and_not_shown(world: World) -> None:
    call = caller(world).call()
    ((key, session),) = world.state.sessions.items()
    sealed = bytearray(session.personal.sealed)
    sealed[20] ^= 1
    world.state.sessions[key] = replace(session, personal=replace(session.personal, sealed=bytes(sealed)))
    with pytest.raises(IntegrityError):
        own_sessions(call)
    assert (world.events[-1].action, world.events[-1].risk) == (Action.SESSION_LIST, RiskLevel.CRITICAL)


def test_an_erased_owner_has_sessions_without_places(world: World) -> None:
    me = caller(world)
    call = me.call()
    world.key_store.destroy("tenant-a", personal.user_subject(me.person.sub))
    world.clock.time += 301
    (shown,) = own_sessions(call)
    assert (shown.ip_address, shown.user_agent) == (None, None)


@pytest.mark.parametrize("role", ["tenant_admin", "security_officer"])
def test_an_administrator_sees_when_and_not_where(world: World, role: str) -> None:
    them = caller(world)
    admin = caller(world, role)
    (shown,) = sessions_of(admin.call(), them.person.sub)
    assert asdict(shown) | {"id": ""} == {
        "id": "",
        "opened": int(world.clock()),
        "seen": int(world.clock()),
        "expires": int(world.clock()) + 12 * 3600,
        "current": False,
        "ip_address": None,
        "user_agent": None,
    }
    event = world.events[-1]
    assert (event.action, event.resource, event.resource_id) == (Action.USER_SESSION_LIST, "User", them.person.sub)


def test_nobody_else_sees_others(world: World) -> None:
    them, me = caller(world), caller(world, "auditor")
    with pytest.raises(AccessDenied):
        sessions_of(me.call(), them.person.sub)
    assert (world.events[-1].action, world.events[-1].risk) == (Action.USER_SESSION_LIST, RiskLevel.HIGH)


def test_users_of_other_tenants_are_unknown(world: World) -> None:
    them, admin = caller(world, tenant="tenant-b"), caller(world, "tenant_admin")
    for id in (them.person.sub, "nobody", "T#tenant-b", "x" * 2000, ""):
        with pytest.raises(NotFound):
            sessions_of(admin.call(), id)
        assert (world.events[-1].action, world.events[-1].error) == (Action.USER_SESSION_LIST, "not-found")
