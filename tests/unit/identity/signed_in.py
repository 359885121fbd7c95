"""A user of the small world who signed in a moment ago, and their calls."""

from __future__ import annotations

import time
from dataclasses import replace

from phivault.access.decide import Decider
from phivault.identity import inputs
from phivault.identity.add_totp import Begun, add_totp
from phivault.identity.challenge import challenge
from phivault.identity.provider import Tokens
from phivault.identity.sign_in import sign_in
from phivault.identity.source import Source
from phivault.identity.users.call import Call
from tests.unit.identity.fakes import HOME, Person, World, authorized

_decider = Decider()


class SignedIn:
    """``tokens`` are the newest that the user was given."""

    def __init__(self, world: World, person: Person | None = None) -> None:
        world.clock.time = time.time()  # a recent sign-in is recent by the clock on the wall
        self.world, self.person = world, person or world.person
        asked = sign_in(world.identity, world.credentials(self.person), HOME)
        answer = world.answer(asked, self.person.code, self.person.email)
        tokens = challenge(world.identity, answer, HOME)
        assert isinstance(tokens, Tokens)
        self.tokens = tokens

    def call(self, *, age: float = 0, source: Source = HOME) -> Call:
        """``age`` is of the sign-in, in seconds."""
        who = self.world.sessions.authenticate(authorized(self.tokens.access_token), source)
        return Call(self.world.identity, _decider, replace(who, auth_time=who.auth_time - int(age)), source)

    def add_app(self, refresh_token: str = "", call: Call | None = None) -> Begun:
        body = inputs.Refresh(refresh_token=refresh_token or self.tokens.refresh_token)
        begun = add_totp(call or self.call(), body)
        self.tokens = replace(self.tokens, refresh_token=begun.refresh_token)
        return begun
