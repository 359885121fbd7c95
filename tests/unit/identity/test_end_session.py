"""A session that was ended: recorded first, and its next request fails."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, NotFound, SignInAgain, Unauthenticated, Unavailable
from phivault.identity.end_session import end_own_session, end_own_sessions, end_session_of, end_sessions_of
from phivault.identity.inputs import Refresh
from phivault.identity.refresh import refresh
from tests.unit.identity.callers import Caller, again, caller, world_now
from tests.unit.identity.fakes import HOME, Person, World


@pytest.fixture
def world() -> World:
    return world_now()


def _session(of: Caller) -> str:
    return of.call().principal.session_id


def _is_over(of: Caller) -> None:
    with pytest.raises(Unauthenticated):
        of.call()
    with pytest.raises(Unauthenticated):
        refresh(of.world.identity, Refresh(refresh_token=of.tokens.refresh_token), HOME)


def test_one_of_ones_own(world: World) -> None:
    me = caller(world)
    other = again(world, me.person)
    end_own_session(me.call(), id := _session(other))
    event = world.events[-1]
    assert (event.action, event.resource, event.resource_id) == (Action.SESSION_END, "Session", id)
    assert event.success
    _is_over(other)
    me.call()


def test_all_of_ones_own_with_the_one_that_asks(world: World) -> None:
    me, stranger = caller(world), caller(world)
    others = [again(world, me.person) for _ in range(20)]
    end_own_sessions(me.call())
    assert (world.events[-1].resource, "sessions:all" in world.events[-1].flags) == ("Session", True)
    for each in (me, *others):
        _is_over(each)
    stranger.call()


def test_what_is_over_is_not_there(world: World) -> None:
    me = caller(world)
    other = again(world, me.person)
    end_own_session(me.call(), id := _session(other))
    with pytest.raises(NotFound):
        end_own_session(me.call(), id)
    assert (world.events[-1].action, world.events[-1].error) == (Action.SESSION_END, "not-found")


def test_nothing_ends_that_was_not_recorded(world: World) -> None:
    me = caller(world)
    call, id = me.call(), _session(again(world, me.person))
    world.events_store.down = True
    with pytest.raises(Unavailable):
        end_own_session(call, id)
    with pytest.raises(Unavailable):
        end_own_sessions(call)
    assert not any(session.ended for session in world.state.sessions.values())


def test_an_end_that_failed_is_recorded_again(world: World) -> None:
    me = caller(world)
    call, id = me.call(), _session(again(world, me.person))
    refusing = world.state.end

    def down(*arguments: object) -> bool:
        raise Unavailable

    world.state.end = down  # type: ignore[method-assign, assignment]  # fails after the session was found
    with pytest.raises(Unavailable):
        end_own_session(call, id)
    world.state.end = refusing  # type: ignore[method-assign]  # as it was
    asked, failed = world.events[-2:]
    assert (asked.success, failed.success, failed.error) == (True, False, "unavailable")


@pytest.mark.parametrize("role", ["tenant_admin", "security_officer"])
def test_one_of_anothers(world: World, role: str) -> None:
    them, admin = caller(world), caller(world, role)
    other = again(world, them.person)
    end_session_of(admin.call(), them.person.sub, id := _session(other))
    user, session = world.events[-2:]
    assert {user.action, session.action} == {Action.USER_SESSION_END}
    assert (user.resource, user.resource_id) == ("User", them.person.sub)
    assert (session.resource, session.resource_id, session.risk) == ("Session", id, RiskLevel.MEDIUM)
    _is_over(other)
    them.call()


def test_all_of_anothers(world: World) -> None:
    them, admin = caller(world), caller(world, "tenant_admin")
    others = [again(world, them.person) for _ in range(3)]
    end_sessions_of(admin.call(), them.person.sub)
    assert (world.events[-1].action, world.events[-1].user_id) == (Action.USER_SESSION_END, admin.person.sub)
    for each in (them, *others):
        _is_over(each)
    admin.call()
    again(world, them.person).call()  # who may sign in, may sign in again


@pytest.mark.parametrize("role", ["clinician", "auditor", "privacy_officer", "patient"])
def test_nobody_else_ends_others(world: World, role: str) -> None:
    them = caller(world)
    me = caller(world, role) if role != "patient" else _patient(world)
    with pytest.raises(AccessDenied):
        end_sessions_of(me.call(), them.person.sub)
    with pytest.raises(AccessDenied):
        end_session_of(me.call(), them.person.sub, _session(them))
    denied = [event for event in world.events if event.action is Action.USER_SESSION_END]
    assert [(event.success, event.risk) for event in denied] == [(False, RiskLevel.HIGH)] * 2
    them.call()


def _patient(world: World) -> Caller:
    person = Person("patient@tenant-a.test", "patient", extra={"patient_id": "p-1"})
    return again(world, world.enrol(person))


def test_an_old_sign_in_has_to_be_renewed_first(world: World) -> None:
    them = caller(world)
    world.clock.time -= 600
    admin = caller(world, "tenant_admin")
    world.clock.time += 600
    with pytest.raises(SignInAgain):
        end_sessions_of(admin.call(), them.person.sub)
    them.call()
