"""How long a session lives: by its tenant's rules at each request, not by those of its sign-in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import SourceRefused, Unauthenticated, Unavailable
from phivault.identity.inputs import Refresh
from phivault.identity.provider import Tokens
from phivault.identity.refresh import refresh
from phivault.identity.session import Session
from phivault.identity.tenant_rules import TenantRules
from tests.unit.identity.fakes import HOME, World, authorized

HOUR = 3600


def _ask(world: World, tokens: Tokens) -> None:
    """A request whose token, at least, is good."""
    claims = authorized(tokens.access_token) | {"exp": str(int(world.clock()) + 10**6)}
    world.sessions.authenticate(claims, HOME)


def _rule(world: World, **changed: int) -> None:
    world.rules.by_tenant["tenant-a"] = replace(world.rules.rules("tenant-a"), **changed)


def _session(world: World) -> Session:
    (session,) = world.state.sessions.values()
    return session


def test_a_session_that_is_used_lives(world: World, tokens: Tokens) -> None:
    for _ in range(11 * 3):
        world.clock.time += 20 * 60
        _ask(world, tokens)


def test_one_that_is_not_used_for_half_an_hour_is_over_for_good(world: World, tokens: Tokens) -> None:
    world.clock.time += 30 * 60
    with pytest.raises(Unauthenticated):
        _ask(world, tokens)
    event = world.events[-1]
    assert (event.action, event.risk, event.error) == (Action.SESSION_REFUSED, RiskLevel.MEDIUM, "unauthenticated")
    assert _session(world).ended == int(world.clock())
    _rule(world, idle=24 * HOUR)
    with pytest.raises(Unauthenticated):
        _ask(world, tokens)


@pytest.mark.parametrize("rule", ["idle", "absolute"])
def test_a_shorter_limit_holds_at_once(world: World, tokens: Tokens, rule: str) -> None:
    world.clock.time += 10 * 60
    _rule(world, **{rule: 600})
    with pytest.raises(Unauthenticated):
        _ask(world, tokens)


def test_a_longer_limit_does_not_prolong_what_is_open(world: World, tokens: Tokens) -> None:
    _rule(world, idle=24 * HOUR, absolute=24 * HOUR)
    world.clock.time += 12 * HOUR - 1
    _ask(world, tokens)
    world.clock.time += 2
    with pytest.raises(Unauthenticated):
        _ask(world, tokens)


def test_use_is_written_down_once_a_minute(world: World, tokens: Tokens) -> None:
    opened = _session(world).seen
    world.clock.time += 59
    _ask(world, tokens)
    assert _session(world).seen == opened
    world.clock.time += 1
    _ask(world, tokens)
    assert _session(world).seen == opened + 60


def test_a_refused_request_is_no_use(world: World, tokens: Tokens) -> None:
    world.rules.by_tenant["tenant-a"] = TenantRules(networks={"*": ("192.0.2.0/24",)})
    world.clock.time += 600
    with pytest.raises(SourceRefused):
        _ask(world, tokens)
    assert _session(world).seen == _session(world).opened


def test_a_refresh_is_no_use_and_renews_no_idle_session(world: World, tokens: Tokens) -> None:
    """A client left open refreshes by itself: nobody sits before it (automatic logoff)."""
    world.clock.time += 20 * 60
    newest = refresh(world.identity, Refresh(refresh_token=tokens.refresh_token), HOME)
    world.clock.time += 10 * 60
    calls = world.provider.calls
    with pytest.raises(Unauthenticated):
        refresh(world.identity, Refresh(refresh_token=newest.refresh_token), HOME)
    assert world.provider.calls == calls
    assert world.events[-1].action is Action.TOKEN_REFRESH
    assert _session(world).ended


def test_rules_that_cannot_be_read_let_nobody_in(world: World, tokens: Tokens) -> None:
    world.rules.down = True
    with pytest.raises(Unavailable):
        _ask(world, tokens)


def test_all_sessions_of_one_user_end_and_nobody_elses(world: World, tokens: Tokens) -> None:
    first = _session(world)
    for number in range(3):
        another = replace(first, id=f"another-{number}", refresh_hash=f"another-{number}")
        world.state.sessions[first.user_id, another.id] = another
    world.state.sessions["somebody", "else"] = replace(first, user_id="somebody", id="else")
    world.state.end(first.user_id, "another-0", 5)
    assert world.sessions.end_all(first.user_id, int(world.clock())) == 3
    assert [session.id for session in world.state.sessions.values() if not session.ended] == ["else"]
    assert world.state.sessions[first.user_id, "another-0"].ended == 5
    assert world.sessions.end_all(first.user_id, int(world.clock())) == 0


def test_the_list_holds_what_lives_newest_first(world: World, tokens: Tokens) -> None:
    first = _session(world)
    for id, opened, changed in (("older", -60, {}), ("ended", 0, {"ended": 9}), ("idle", 0, {"seen": 0})):
        made = replace(first, id=id, opened=first.opened + opened, **changed)  # type: ignore[arg-type]  # by name
        world.state.sessions[first.user_id, id] = made
    assert [session.id for session in world.sessions.list(first.user_id)] == [first.id, "older"]
    assert world.sessions.list("nobody") == []
