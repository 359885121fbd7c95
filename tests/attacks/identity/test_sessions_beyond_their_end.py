"""A token that outlives its session: idle, ended, past its limit, of another session, carried on by its holder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Conflict, NotFound, Unauthenticated
from phivault.identity import inputs
from phivault.identity.change_rules import AllowListChange, SettingsChange, change_allow_list, change_settings
from phivault.identity.directory import Status
from phivault.identity.end_session import end_own_session, end_session_of
from phivault.identity.inputs import Refresh
from phivault.identity.list_sessions import own_sessions
from phivault.identity.refresh import refresh
from phivault.identity.sign_out import sign_out
from phivault.identity.tenant_rules import TenantRules
from tests.unit.identity.callers import Caller, again, caller, world_now
from tests.unit.identity.fakes import ELSEWHERE, HOME, World, authorized


@pytest.fixture
def world() -> World:
    return world_now()


def _refused(of: Caller) -> None:
    """Neither a request nor a refresh, however long the token itself would live."""
    world = of.world
    claims = authorized(of.tokens.access_token) | {"exp": str(int(world.clock()) + 10**6)}
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(claims, HOME)
    assert (world.events[-1].action, world.events[-1].user_id) == (Action.SESSION_REFUSED, of.person.sub)
    with pytest.raises(Unauthenticated):
        refresh(world.identity, Refresh(refresh_token=of.tokens.refresh_token), HOME)


ENDS: dict[str, Callable[[Caller], None]] = {
    "signed out": lambda me: sign_out(me.world.identity, me.call().principal, inputs.SignOut(), HOME),
    "ended by its owner": lambda me: end_own_session(again(me.world, me.person).call(), me.call().principal.session_id),
    "ended by an administrator": lambda me: end_session_of(
        caller(me.world, "tenant_admin").call(), me.person.sub, me.call().principal.session_id
    ),
    "ended with all others": lambda me: _discard(me.world.sessions.end_all(me.person.sub, int(me.world.clock()))),
    "idle": lambda me: _wait(me.world, 30 * 60),
    "as old as it may be": lambda me: _use_for(me, 12 * 3600),
    "over by a limit set later": lambda me: _limit(me, 1),
}


def _discard(_: object) -> None:
    pass


def _wait(world: World, seconds: int) -> None:
    world.clock.time += seconds


def _use_for(me: Caller, seconds: int) -> None:
    for _ in range(seconds // 600 - 1):
        me.world.clock.time += 600
        claims = authorized(me.tokens.access_token) | {"exp": str(int(me.world.clock()) + 10**6)}
        me.world.sessions.authenticate(claims, HOME)
    me.world.clock.time += 600


def _limit(me: Caller, minutes: int) -> None:
    me.world.clock.time += 60 * minutes
    me.world.rules.by_tenant["tenant-a"] = TenantRules(absolute=60 * minutes)


@pytest.mark.parametrize("ended", ENDS)
def test_a_session_that_is_over_is_over_for_every_token_of_it(world: World, ended: str) -> None:
    me = caller(world)
    ENDS[ended](me)
    _refused(me)
    world.rules.by_tenant["tenant-a"] = TenantRules(idle=86400, absolute=86400)
    _refused(me)  # relaxing the rules afterwards brings nothing back


def test_a_thief_who_keeps_refreshing_does_not_keep_an_idle_session_alive(world: World) -> None:
    """A refresh isn't use; what a thief can do is use the session, which its owner sees in their list."""
    me = caller(world)
    newest = me.tokens
    for _ in range(2):
        world.clock.time += 14 * 60
        newest = refresh(world.identity, Refresh(refresh_token=newest.refresh_token), ELSEWHERE)
    world.clock.time += 2 * 60
    with pytest.raises(Unauthenticated):
        refresh(world.identity, Refresh(refresh_token=newest.refresh_token), ELSEWHERE)
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(newest.access_token), ELSEWHERE)


def test_a_stolen_token_that_was_rotated_out_ends_what_its_owner_uses(world: World) -> None:
    me = caller(world)
    newest = refresh(world.identity, Refresh(refresh_token=me.tokens.refresh_token), HOME)
    with pytest.raises(Unauthenticated):
        refresh(world.identity, Refresh(refresh_token=me.tokens.refresh_token), ELSEWHERE)
    assert (world.events[-1].action, world.events[-1].risk) == (Action.TOKEN_REUSE, RiskLevel.CRITICAL)
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(authorized(newest.access_token), HOME)
    assert own_sessions(again(world, me.person).call())[0].current


def test_a_stolen_token_that_was_rotated_out_is_told_as_that_even_after_the_session_lapsed(world: World) -> None:
    """Reuse is looked for before limits: a thief who waits isn't taken for a late owner."""
    me = caller(world)
    refresh(world.identity, Refresh(refresh_token=me.tokens.refresh_token), HOME)
    world.clock.time += 3600
    with pytest.raises(Unauthenticated):
        refresh(world.identity, Refresh(refresh_token=me.tokens.refresh_token), ELSEWHERE)
    assert (world.events[-1].action, world.events[-1].risk) == (Action.TOKEN_REUSE, RiskLevel.CRITICAL)


@pytest.mark.parametrize("claim", ["role", "tenant_id"])
def test_a_token_that_says_more_than_its_session(world: World, claim: str) -> None:
    """However it came to be signed: the row tells who this session is."""
    me = caller(world)
    claims = authorized(me.tokens.access_token)
    claims[claim] = {"role": "tenant_admin", "tenant_id": "tenant-b"}[claim]
    with pytest.raises(Unauthenticated):
        world.sessions.authenticate(claims, HOME)


@pytest.mark.parametrize("whose", ["a colleague's", "another tenant's", "an invented one", "a key of another row"])
def test_somebody_elses_session_is_not_there_to_be_ended(world: World, whose: str) -> None:
    me, colleague, foreigner = caller(world), caller(world), caller(world, tenant="tenant-b")
    id = {
        "a colleague's": colleague.call().principal.session_id,
        "another tenant's": foreigner.call().principal.session_id,
        "an invented one": "0b0f8f1e-1111-4111-8111-0123456789ab",
        "a key of another row": f"../USER#{colleague.person.sub}/SESSION#{colleague.call().principal.session_id}",
    }[whose]
    with pytest.raises(NotFound):
        end_own_session(me.call(), id)
    assert (world.events[-1].action, world.events[-1].success) == (Action.SESSION_END, False)
    admin = caller(world, "tenant_admin")
    with pytest.raises(NotFound):
        end_session_of(admin.call(), me.person.sub, id)
    with pytest.raises(NotFound):
        end_session_of(admin.call(), foreigner.person.sub, foreigner.call().principal.session_id)
    for each in (colleague, foreigner):
        each.call()


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.OFFBOARDED])
def test_a_sign_in_that_outruns_the_end_of_access_yields_nothing(world: World, status: Status) -> None:
    """The password and the code were right a moment ago; between the provider's tokens and the session's row the
    user is offboarded."""
    me = caller(world)
    open_session = world.state.open

    def offboarded_first(session: object) -> None:
        world.directory.change_status("tenant-a", me.person.sub, status)
        world.sessions.end_all(me.person.sub, int(world.clock()))
        open_session(session)  # type: ignore[arg-type]  # passed through

    world.state.open = offboarded_first  # type: ignore[method-assign, assignment]  # an interleaving, made to happen
    with pytest.raises(AccessDenied):
        again(world, me.person)
    event = world.events[-1]
    assert (event.action, event.success, event.error, event.risk) == (Action.CHALLENGE, False, "denied", RiskLevel.HIGH)
    assert len(world.provider.revoked) == 1
    assert all(session.ended for session in world.state.sessions.values())


def test_a_sign_in_from_before_all_sessions_ended_yields_nothing(world: World) -> None:
    """A password was reset, or its sessions ended, while somebody's tokens were on their way."""
    me = caller(world)
    open_session = world.state.open

    def ended_first(session: object) -> None:
        world.clock.time += 2
        world.sessions.end_all(me.person.sub, int(world.clock()))
        open_session(session)  # type: ignore[arg-type]  # passed through

    world.state.open = ended_first  # type: ignore[method-assign, assignment]  # an interleaving, made to happen
    with pytest.raises(AccessDenied):
        again(world, me.person)
    assert all(session.ended for session in world.state.sessions.values())
    world.state.open = open_session  # type: ignore[method-assign]  # as it was
    again(world, me.person).call()


def test_of_two_changes_of_the_rules_at_once_one_is_told(world: World) -> None:
    first, second = caller(world, "tenant_admin"), caller(world, "tenant_admin")
    replace_rules, calls = world.rules.replace_rules, (first.call(), second.call())

    def another_was_first(tenant: str, rules: TenantRules) -> None:
        world.rules.replace_rules = replace_rules  # type: ignore[method-assign]  # the second one goes undisturbed
        change_allow_list(calls[1], AllowListChange(networks={"*": ["198.51.100.0/24"]}, version=0))
        replace_rules(tenant, rules)

    world.rules.replace_rules = another_was_first  # type: ignore[method-assign]  # an interleaving, made to happen
    body = SettingsChange(idle_minutes=5, absolute_minutes=5, self_sign_up=False, cooling_hours=1, version=0)
    with pytest.raises(Conflict):
        change_settings(calls[0], body)
    kept = world.rules.rules("tenant-a")
    assert (kept.networks, kept.idle, kept.version) == ({"*": ("198.51.100.0/24",)}, 1800, 1)
    told = [(event.user_id, event.success) for event in world.events if event.action is Action.SETTINGS_CHANGE]
    assert told == [(first.person.sub, True), (second.person.sub, True), (first.person.sub, False)]
