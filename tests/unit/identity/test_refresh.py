"""A refresh token counts once; used again, it ends its session."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Unauthenticated, Unavailable
from phivault.identity.directory import Status
from phivault.identity.inputs import Refresh
from phivault.identity.provider import Tokens
from phivault.identity.refresh import refresh
from tests.unit.identity.fakes import ELSEWHERE, HOME, World, authorized


def _refresh(world: World, tokens: Tokens) -> Tokens:
    return refresh(world.identity, Refresh(refresh_token=tokens.refresh_token), HOME)


def test_refresh_gives_new_tokens_of_the_same_session(world: World, tokens: Tokens) -> None:
    renewed = _refresh(world, tokens)
    assert renewed.refresh_token != tokens.refresh_token
    before, after = authorized(tokens.access_token), authorized(renewed.access_token)
    assert (before["origin_jti"], before["auth_time"]) == (after["origin_jti"], after["auth_time"])
    assert len(world.state.sessions) == 1
    event = world.events[-1]
    assert (event.action, event.success, event.role) == (Action.TOKEN_REFRESH, True, "clinician")
    assert {"token:access:900s", "token:id:900s", "token:refresh:43200s"} <= set(event.flags)


def test_the_access_token_before_the_newest_still_serves(world: World, tokens: Tokens) -> None:
    second = _refresh(world, tokens)
    assert world.sessions.authenticate(authorized(tokens.access_token), HOME)
    third = _refresh(world, second)
    assert world.sessions.authenticate(authorized(third.access_token), HOME)
    assert world.sessions.authenticate(authorized(second.access_token), HOME)
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(tokens.access_token), HOME)


def test_refresh_does_not_prolong_the_session(world: World, tokens: Tokens) -> None:
    expires = [session.expires for session in world.state.sessions.values()]
    world.clock.time += 600
    _refresh(world, tokens)
    assert [session.expires for session in world.state.sessions.values()] == expires


def test_a_refresh_from_elsewhere_moves_the_session_there(world: World, tokens: Tokens) -> None:
    renewed = refresh(world.identity, Refresh(refresh_token=tokens.refresh_token), ELSEWHERE)
    assert world.opened(world.events[-1])["ip_address"] == ELSEWHERE.ip
    world.clock.time += 600  # every key has left the cache
    calls = world.key_store.calls
    world.sessions.authenticate(authorized(renewed.access_token), ELSEWHERE)
    assert world.key_store.calls == calls


def test_an_unknown_token_is_refused_without_asking_the_provider(world: World, tokens: Tokens) -> None:
    calls = world.provider.calls
    with pytest.raises(Unauthenticated):
        refresh(world.identity, Refresh(refresh_token="x" * 64), HOME)
    assert world.provider.calls == calls
    assert (world.events[-1].action, world.events[-1].tenant) == (Action.TOKEN_REFRESH, "-")


def test_a_session_past_its_time_is_not_refreshed(world: World, tokens: Tokens) -> None:
    world.clock.time += 12 * 3600 + 1
    with pytest.raises(Unauthenticated):
        _refresh(world, tokens)


@pytest.mark.parametrize("failure", ["down", "lost_answer"])
def test_new_tokens_are_revoked_when_the_refresh_cannot_be_recorded(world: World, tokens: Tokens, failure: str) -> None:
    setattr(world.events_store, failure, True)
    with pytest.raises(Unavailable):
        _refresh(world, tokens)
    (newest,) = (token for token in world.provider.families if token != tokens.refresh_token)
    assert world.provider.revoked == [newest]
    assert [session.ended > 0 for session in world.state.sessions.values()] == [True]


def test_a_provider_that_is_down_costs_no_session(world: World, tokens: Tokens) -> None:
    world.provider.down = True
    with pytest.raises(Unavailable):
        _refresh(world, tokens)
    world.provider.down = False
    assert _refresh(world, tokens)


def test_a_user_who_lost_factor_or_role_is_denied(world: World, tokens: Tokens) -> None:
    world.provider.refusing = True
    with pytest.raises(AccessDenied):
        _refresh(world, tokens)
    assert (world.events[-1].error, world.events[-1].risk) == ("denied", RiskLevel.HIGH)


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.OFFBOARDED])
def test_access_that_was_ended_halfway_is_not_refreshed(world: World, tokens: Tokens, status: Status) -> None:
    user_id = world.person.sub
    world.directory.change_status(world.person.tenant, user_id, status)  # and then an outage: the session stands
    calls = world.provider.calls
    with pytest.raises(Unauthenticated):
        _refresh(world, tokens)
    assert world.provider.calls == calls
    assert [session.ended > 0 for session in world.state.sessions.values()] == [True]
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(tokens.access_token), HOME)
    event = world.events[-2] if world.events[-1].action != Action.TOKEN_REFRESH else world.events[-1]
    assert (event.success, event.error, event.risk) == (False, "unauthenticated", RiskLevel.HIGH)


def test_nothing_is_refreshed_where_the_directory_cannot_be_asked(world: World, tokens: Tokens) -> None:
    world.directory.down = True
    with pytest.raises(Unavailable):
        _refresh(world, tokens)
    world.directory.down = False
    assert _refresh(world, tokens)


def test_a_role_changed_meanwhile_needs_a_new_sign_in(world: World, tokens: Tokens) -> None:
    world.person.role = "auditor"
    with pytest.raises(Unauthenticated):
        _refresh(world, tokens)
    assert len(world.provider.revoked) == 1
    assert world.events[-1].action is Action.TOKEN_REFRESH
