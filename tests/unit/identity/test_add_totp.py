"""A signed-in user's new authenticator app: the scope for it stays inside, and the refresh token is exchanged."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, SignInAgain, Unauthenticated, Unavailable
from phivault.identity import inputs
from phivault.identity.pre_token import SELF_SERVICE_SCOPE
from phivault.identity.refresh import refresh
from tests.unit.identity.fakes import HOME, Person, World, authorized
from tests.unit.identity.signed_in import SignedIn


@pytest.fixture
def me(world: World) -> SignedIn:
    return SignedIn(world)


def test_the_answer_has_what_an_app_needs_and_the_next_refresh_token(world: World, me: SignedIn) -> None:
    before = me.tokens.refresh_token
    begun = me.add_app()
    assert begun.otpauth_uri.startswith("otpauth://totp/phivault:")
    assert begun.secret in begun.otpauth_uri
    assert begun.qr_svg.startswith("<svg")
    assert begun.refresh_token != before
    assert me.call().principal.user_id == me.person.sub, "the access token from before goes on"
    refresh(world.identity, inputs.Refresh(refresh_token=begun.refresh_token), HOME)


def test_the_secret_is_recorded_as_handed_out(world: World, me: SignedIn) -> None:
    me.add_app()
    event = world.events[-1]
    assert (event.action, event.success, event.user_id) == (Action.MFA_ENROL, True, me.person.sub)
    assert (event.resource, event.resource_id) == ("Factor", "SOFTWARE_TOKEN_MFA")


def test_no_grant_outlives_the_call(world: World, me: SignedIn) -> None:
    me.add_app()
    assert world.factors.grants == {}
    world.factor_provider.down = True
    with pytest.raises(Unavailable):
        me.add_app()
    assert world.factors.grants == {}


def test_the_token_with_the_scope_is_kept_sealed_alone(world: World, me: SignedIn) -> None:
    begun = me.add_app()
    (under_way, _, expires) = world.factors.under_way[me.person.sub]
    assert b"eyJ" not in under_way.sealed
    assert SELF_SERVICE_SCOPE.encode() not in under_way.sealed
    assert expires - world.clock() <= 300
    assert set(asdict(begun)) == {"secret", "otpauth_uri", "qr_svg", "refresh_token"}
    session = world.state.sessions[me.person.sub, authorized(me.tokens.access_token)["origin_jti"]]
    assert session.token_ids == (authorized(me.tokens.access_token)["jti"],), "the session knows no new token"


def test_a_token_without_the_scope_sets_up_nothing(world: World, me: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.factor_provider, "_granted", lambda _: "")
    with pytest.raises(Unavailable):
        me.add_app()
    assert world.factors.under_way == {}
    assert len(world.provider.revoked) == 1


def test_an_older_sign_in_has_to_be_repeated(world: World, me: SignedIn) -> None:
    with pytest.raises(SignInAgain):
        me.add_app(call=me.call(age=301))
    event = world.events[-1]
    assert (event.action, event.error) == (Action.MFA_ENROL, "sign-in-again")
    assert me.tokens.refresh_token not in world.provider.spent


def test_another_sessions_refresh_token_is_refused_and_stays_good(world: World, me: SignedIn) -> None:
    other = SignedIn(world, world.enrol(Person("other@example.test")))
    second = SignedIn(world)
    for token in (other.tokens.refresh_token, second.tokens.refresh_token, "x" * 40):
        with pytest.raises(AccessDenied):
            me.add_app(token)
    assert not world.provider.spent


def test_a_used_refresh_token_ends_the_session(world: World, me: SignedIn) -> None:
    used, call = me.tokens.refresh_token, me.call()
    me.add_app()
    with pytest.raises(Unauthenticated):
        me.add_app(used, call)
    with pytest.raises(Unauthenticated):
        me.call()
    found = [(event.action, event.risk) for event in world.events]
    assert (Action.TOKEN_REUSE, RiskLevel.CRITICAL) in found


def test_a_refresh_token_that_is_dead_at_the_provider_ends_the_session(world: World, me: SignedIn) -> None:
    world.provider.spent.add(me.tokens.refresh_token)
    with pytest.raises(Unauthenticated):
        me.add_app()
    with pytest.raises(Unauthenticated):
        me.call()


def test_no_secret_leaves_when_the_recorder_fails(world: World, me: SignedIn) -> None:
    call = me.call()
    world.events_store.down = True
    with pytest.raises(Unavailable):
        me.add_app(call=call)
    assert len(world.provider.revoked) == 1


def test_what_is_begun_prints_no_secret(me: SignedIn) -> None:
    begun = me.add_app()
    assert all(value not in repr(begun) for value in asdict(begun).values())
