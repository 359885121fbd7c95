"""Signed-in callers of the verbs, in a world whose clock is the machine's: policies go by that one."""

from __future__ import annotations

import time
from dataclasses import dataclass

from phivault.access.decide import Decider
from phivault.identity.challenge import challenge
from phivault.identity.provider import Tokens
from phivault.identity.sign_in import sign_in
from phivault.identity.source import Source
from phivault.identity.users.call import Call
from tests.unit.identity.fakes import HOME, Person, World, authorized

_decider = Decider()


@dataclass
class Caller:
    world: World
    person: Person
    tokens: Tokens

    def call(self, source: Source = HOME) -> Call:
        """A request of theirs, up to where its verb begins."""
        principal = self.world.sessions.authenticate(authorized(self.tokens.access_token), source)
        return Call(self.world.identity, _decider, principal, source)


def world_now() -> World:
    world = World()
    world.clock.time = time.time()
    return world


def caller(world: World, role: str = "clinician", tenant: str = "tenant-a", source: Source = HOME) -> Caller:
    """A new user of that role, signed in."""
    person = world.enrol(Person(f"{role.replace('_', '-')}-{len(world.provider.people)}@{tenant}.test", role, tenant))
    return again(world, person, source)


def again(world: World, person: Person, source: Source = HOME) -> Caller:
    """Another session of a user."""
    asked = sign_in(world.identity, world.credentials(person), source)
    tokens = challenge(world.identity, world.answer(asked, person.code, person.email), source)
    assert isinstance(tokens, Tokens)
    return Caller(world, person, tokens)
