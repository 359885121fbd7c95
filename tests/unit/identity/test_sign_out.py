"""Sign-out ends the session at once and revokes its own refresh token only."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action
from phivault.errors import Unauthenticated, Unavailable
from phivault.identity.inputs import Refresh, SignOut
from phivault.identity.provider import Tokens
from phivault.identity.refresh import refresh
from phivault.identity.sign_out import sign_out
from tests.unit.identity.fakes import HOME, World, authorized


def test_nothing_works_after_sign_out(world: World, tokens: Tokens) -> None:
    principal = world.sessions.authenticate(authorized(tokens.access_token), HOME)
    sign_out(world.identity, principal, SignOut(), HOME)
    assert (world.events[-1].action, world.events[-1].session) == (Action.SIGN_OUT, principal.session_id)
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(tokens.access_token), HOME)
    with pytest.raises(Unauthenticated):
        refresh(world.identity, Refresh(refresh_token=tokens.refresh_token), HOME)


def test_a_refresh_token_sent_along_is_revoked(world: World, tokens: Tokens) -> None:
    principal = world.sessions.authenticate(authorized(tokens.access_token), HOME)
    sign_out(world.identity, principal, SignOut(refresh_token=tokens.refresh_token), HOME)
    assert world.provider.revoked == [tokens.refresh_token]


def test_a_refresh_token_of_no_session_of_ours_is_left_alone(world: World, tokens: Tokens) -> None:
    principal = world.sessions.authenticate(authorized(tokens.access_token), HOME)
    sign_out(world.identity, principal, SignOut(refresh_token="y" * 64), HOME)
    assert world.provider.revoked == []


def test_a_sign_out_that_cannot_be_recorded_still_ends_the_session(world: World, tokens: Tokens) -> None:
    principal = world.sessions.authenticate(authorized(tokens.access_token), HOME)
    world.events_store.down = True
    with pytest.raises(Unavailable):
        sign_out(world.identity, principal, SignOut(), HOME)
    assert all(session.ended for session in world.state.sessions.values())
