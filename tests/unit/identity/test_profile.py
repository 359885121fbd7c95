"""Users see themselves, once that is recorded."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action
from phivault.errors import Unauthenticated, Unavailable
from phivault.identity.profile import Profile, profile
from phivault.identity.provider import Tokens
from tests.unit.identity.fakes import HOME, World, authorized


def _profile(world: World, tokens: Tokens) -> Profile:
    principal = world.sessions.authenticate(authorized(tokens.access_token), HOME)
    return profile(world.sessions, world.recorder, world.keys, principal, HOME, now=world.clock())


def test_the_profile_shows_the_owner_their_address(world: World, tokens: Tokens) -> None:
    own = _profile(world, tokens)
    assert (own.email, own.role, own.tenant) == (world.person.email, "clinician", "tenant-a")
    assert own.expires == own.auth_time + 12 * 3600
    event = world.events[-1]
    assert (event.action, event.classes, event.resource) == (Action.PROFILE_READ, ("identifying",), "User")
    assert world.person.email not in repr(own)


def test_nothing_is_shown_that_was_not_recorded(world: World, tokens: Tokens) -> None:
    world.events_store.down = True
    with pytest.raises(Unavailable):
        _profile(world, tokens)


def test_a_session_that_ended_meanwhile_shows_nothing(world: World, tokens: Tokens) -> None:
    principal = world.sessions.authenticate(authorized(tokens.access_token), HOME)
    world.state.end(principal.user_id, principal.session_id, 1)
    with pytest.raises(Unauthenticated):
        profile(world.sessions, world.recorder, world.keys, principal, HOME, now=world.clock())
