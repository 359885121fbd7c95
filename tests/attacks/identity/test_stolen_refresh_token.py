"""A copied refresh token: whoever comes second ends the session for both."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import Unauthenticated, Unavailable
from phivault.identity.inputs import Refresh
from phivault.identity.provider import Tokens
from phivault.identity.refresh import refresh
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import ELSEWHERE, HOME, World, authorized


def _refresh(world: World, refresh_token: str) -> Tokens:
    return refresh(world.identity, Refresh(refresh_token=refresh_token), ELSEWHERE)


@pytest.mark.parametrize("provider_notices", [True, False])
def test_an_old_token_ends_the_family(world: World, tokens: Tokens, provider_notices: bool) -> None:
    world.provider.trusting = not provider_notices
    newest = _refresh(world, tokens.refresh_token)
    with pytest.raises(Unauthenticated):
        _refresh(world, tokens.refresh_token)
    event = world.events[-1]
    assert (event.action, event.risk, event.user_id) == (Action.TOKEN_REUSE, RiskLevel.CRITICAL, world.person.sub)
    assert world.opened(event)["ip_address"] == ELSEWHERE.ip
    assert tokens.refresh_token in world.provider.revoked
    for access_token in (tokens.access_token, newest.access_token):
        with pytest.raises(Unauthenticated):
            world.sessions.authenticate(authorized(access_token), HOME)
    with pytest.raises(Unauthenticated):
        _refresh(world, newest.refresh_token)


def test_a_token_from_generations_ago_too(world: World, tokens: Tokens) -> None:
    newest = tokens
    for _ in range(4):
        newest = _refresh(world, newest.refresh_token)
    with pytest.raises(Unauthenticated):
        _refresh(world, tokens.refresh_token)
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(newest.access_token), HOME)


def test_of_two_at_once_neither_keeps_a_live_session(world: World, tokens: Tokens) -> None:
    world.provider.trusting = True
    rotate = world.state.rotate
    raced: list[Tokens] = []

    def another_was_first(*arguments: object) -> None:
        world.state.rotate = rotate  # type: ignore[method-assign]  # the second one goes through undisturbed
        raced.append(_refresh(world, tokens.refresh_token))
        rotate(*arguments)  # type: ignore[arg-type]  # passed through

    world.state.rotate = another_was_first  # type: ignore[method-assign, assignment]  # an interleaving, made to happen
    with pytest.raises(Unauthenticated):
        _refresh(world, tokens.refresh_token)
    assert world.events[-1].action is Action.TOKEN_REUSE
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(raced[0].access_token), HOME)


def test_the_session_ends_even_if_the_reuse_cannot_be_recorded(world: World, tokens: Tokens) -> None:
    _refresh(world, tokens.refresh_token)
    world.events_store.down = True
    with pytest.raises(Unavailable):
        _refresh(world, tokens.refresh_token)
    assert all(session.ended for session in world.state.sessions.values())


def test_a_token_taken_to_the_providers_public_endpoint_is_no_use_here(world: World, tokens: Tokens) -> None:
    minted = world.provider.refresh(tokens.refresh_token)
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(minted.access_token), ELSEWHERE)
    assert world.events[-1].action is Action.SESSION_REFUSED
    with pytest.raises(Unauthenticated):
        _refresh(world, minted.refresh_token)


def test_and_the_owners_next_refresh_ends_the_session(world: World, tokens: Tokens) -> None:
    world.provider.refresh(tokens.refresh_token)
    with pytest.raises(Unauthenticated):
        _refresh(world, tokens.refresh_token)
    assert (world.events[-1].action, world.events[-1].risk) == (Action.TOKEN_REFRESH, RiskLevel.HIGH)
    assert all(session.ended for session in world.state.sessions.values())


def test_tokens_of_another_user_are_not_taken_for_a_refresh(world: World, tokens: Tokens) -> None:
    other = world.person.__class__("auditor@example.test", role="auditor")
    _, origin_jti, auth_time = world.provider.families[tokens.refresh_token]
    world.provider.families[tokens.refresh_token] = (other, origin_jti, auth_time)
    with pytest.raises(Unauthenticated):
        _refresh(world, tokens.refresh_token)
    assert sign_in(world.identity, world.credentials(), HOME)
    assert len(world.provider.revoked) == 1
