"""No row, no access; the row tells who and, sealed, from where."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import IntegrityError, Unauthenticated, Unavailable, UnsupportedMediaType
from phivault.identity import personal
from phivault.identity.provider import Tokens
from phivault.identity.session import Session
from tests.unit.identity.fakes import ELSEWHERE, HOME, World, access_claims, authorized


def test_a_request_from_home_fetches_no_key_and_seals_nothing(world: World, tokens: Tokens) -> None:
    world.clock.time += 600  # every key has left the cache
    calls = world.key_store.calls
    principal = world.sessions.authenticate(authorized(tokens.access_token), HOME)
    (session,) = world.state.sessions.values()
    assert world.key_store.calls == calls
    assert principal.personal == session.personal
    assert (principal.tenant, principal.session_id, principal.source_ip) == ("tenant-a", session.id, HOME.ip)


def test_a_request_from_elsewhere_is_sealed_with_where_it_comes_from(world: World, tokens: Tokens) -> None:
    principal = world.sessions.authenticate(authorized(tokens.access_token), ELSEWHERE)
    (session,) = world.state.sessions.values()
    assert principal.personal is not None
    assert principal.personal.ref == session.id
    sealed = base64.b64encode(principal.personal.sealed).decode()
    event = replace(world.events[-1], personal=sealed)
    assert world.opened(event) == {
        "user_email": world.person.email,
        "ip_address": ELSEWHERE.ip,
        "user_agent": ELSEWHERE.user_agent,
    }


def test_moving_text_between_address_and_client_is_another_place(world: World, tokens: Tokens) -> None:
    (session,) = world.state.sessions.values()
    shifted = replace(HOME, ip=HOME.ip + HOME.user_agent[:1], user_agent=HOME.user_agent[1:])
    assert world.sessions.person(session, shifted) != session.personal


def test_without_a_row_there_is_no_access(world: World) -> None:
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(access_claims(world.clock), HOME)
    (event,) = world.events
    assert (event.action, event.risk, event.success) == (Action.SESSION_REFUSED, RiskLevel.MEDIUM, False)
    assert event.personal_subject.startswith("User/")
    assert world.opened(event)["ip_address"] == HOME.ip


def _the_session(world: World) -> Session:
    (session,) = world.state.sessions.values()
    return session


def test_an_ended_session_is_refused(world: World, tokens: Tokens) -> None:
    world.sessions.end(_the_session(world))
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(tokens.access_token), HOME)
    assert world.events[-1].action is Action.SESSION_REFUSED


def test_the_first_end_of_a_session_stays(world: World, tokens: Tokens) -> None:
    world.sessions.end(_the_session(world))
    ended = _the_session(world).ended
    world.clock.time += 60
    world.sessions.end(_the_session(world))
    assert _the_session(world).ended == ended


def test_a_session_ends_after_twelve_hours_whatever_its_tokens_say(world: World, tokens: Tokens) -> None:
    claims = authorized(tokens.access_token) | {"exp": str(int(world.clock()) + 10**6)}
    world.clock.time += 12 * 3600 + 1
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(claims, HOME)


def test_a_store_that_is_down_lets_nobody_in(world: World, tokens: Tokens) -> None:
    world.state.down = True
    with pytest.raises(Unavailable):
        world.sessions.authenticate(authorized(tokens.access_token), HOME)


def test_a_refusal_that_cannot_be_recorded_is_unavailable(world: World) -> None:
    world.events_store.down = True
    with pytest.raises(Unavailable):
        world.sessions.authenticate(access_claims(world.clock), HOME)


def test_an_erased_user_is_refused_and_nothing_is_sealed_under_their_name(world: World, tokens: Tokens) -> None:
    world.key_store.destroy("tenant-a", personal.user_subject(world.person.sub))
    world.clock.time += 301  # the time after which erasure is effective everywhere
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(tokens.access_token), ELSEWHERE)
    assert (world.events[-1].user_id, world.events[-1].personal) == (world.person.sub, "")


def test_a_long_user_agent_fits_the_audit_event(world: World, tokens: Tokens) -> None:
    wide = replace(ELSEWHERE, user_agent="\N{GRINNING FACE}" * 2000)
    principal = world.sessions.authenticate(authorized(tokens.access_token), wide)
    assert principal.personal is not None
    assert len(base64.b64encode(principal.personal.sealed)) < 2800


def test_a_principal_and_a_session_print_nothing_personal(world: World, tokens: Tokens) -> None:
    principal = world.sessions.authenticate(authorized(tokens.access_token), HOME)
    printed = repr((principal, _the_session(world), HOME, tokens, world.credentials()))
    for secret in (HOME.ip, HOME.user_agent, world.person.email, world.person.password, tokens.access_token):
        assert secret not in printed
    assert tokens.refresh_token not in printed


def test_an_altered_person_is_recorded_as_what_it_is(world: World, tokens: Tokens) -> None:
    (place, session) = next(iter(world.state.sessions.items()))
    sealed = bytearray(session.personal.sealed)
    sealed[20] ^= 1  # of the salt, which every element depends on
    world.state.sessions[place] = replace(session, personal=replace(session.personal, sealed=bytes(sealed)))
    with pytest.raises(IntegrityError):
        world.sessions.authenticate(authorized(tokens.access_token), ELSEWHERE)
    event = world.events[-1]
    assert (event.action, event.risk, event.error) == (Action.SESSION_REFUSED, RiskLevel.CRITICAL, "integrity")
    assert (event.user_id, event.session) == (world.person.sub, session.id)


def test_what_fails_before_its_verb_is_recorded_with_whom_the_token_names(world: World, tokens: Tokens) -> None:
    claims = authorized(tokens.access_token)
    world.sessions.record_refused(Action.CREATE, claims, HOME, UnsupportedMediaType())
    event = world.events[-1]
    assert (event.action, event.success, event.error) == (Action.CREATE, False, "unsupported-media-type")
    assert (event.user_id, event.tenant, event.role) == (world.person.sub, "tenant-a", "clinician")
    assert world.opened(event)["ip_address"] == HOME.ip


def test_what_fails_without_a_token_is_recorded_as_nobodys(world: World) -> None:
    world.sessions.record_refused(Action.SIGN_IN, {}, HOME, UnsupportedMediaType())
    event = world.events[-1]
    assert (event.action, event.tenant, event.user_id) == (Action.SIGN_IN, "-", "")
    assert world.opened(event)["ip_address"] == HOME.ip
