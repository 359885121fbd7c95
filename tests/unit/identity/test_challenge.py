"""Only the last answer yields tokens, and only with a session row and a record."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, InvalidCredentials, InvalidInput, TooManyRequests, Unavailable
from phivault.identity.challenge import ATTEMPT, challenge
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import HOME, World, authorized


def test_the_right_code_yields_tokens_and_a_session(world: World, tokens: Tokens) -> None:
    (session,) = world.state.sessions.values()
    assert session.user_id == world.person.sub
    assert session.expires == int(world.clock()) + 12 * 3600
    assert tokens.expires_in == 900
    assert {"token:access:900s", "token:id:900s", "token:refresh:43200s"} <= set(world.events[-1].flags)
    assert [(e.action, e.success) for e in world.events] == [
        (Action.SIGN_IN, True),
        (Action.CHALLENGE, True),
        (Action.TOKEN_ISSUE, True),
    ]
    issued = world.events[-1]
    assert (issued.tenant, issued.role, issued.session) == ("tenant-a", "clinician", session.id)
    assert issued.personal_subject == f"User/{world.person.sub}"
    assert world.opened(issued)["user_email"] == world.person.email


def test_a_wrong_code_is_refused_recorded_and_may_be_corrected(world: World) -> None:
    challenged = sign_in(world.identity, world.credentials(), HOME)
    wrong = f"{(int(world.person.code) + 1) % 10**6:06}"
    with pytest.raises(InvalidCredentials):
        challenge(world.identity, world.answer(challenged, wrong), HOME)
    event = world.events[-1]
    assert (event.action, event.risk, event.user_id) == (Action.CHALLENGE, RiskLevel.MEDIUM, world.person.sub)
    assert isinstance(challenge(world.identity, world.answer(challenged), HOME), Tokens)


def test_guessed_codes_lock_the_account(world: World) -> None:
    challenged = sign_in(world.identity, world.credentials(), HOME)
    wrong = f"{(int(world.person.code) + 1) % 10**6:06}"
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            challenge(world.identity, world.answer(challenged, wrong), HOME)
    with pytest.raises(TooManyRequests) as refused:
        challenge(world.identity, world.answer(challenged), HOME)
    assert refused.value.retry_after
    assert world.events[-1].risk is RiskLevel.HIGH


def test_a_full_sign_in_clears_the_failures(world: World) -> None:
    with pytest.raises(InvalidCredentials):
        sign_in(world.identity, world.credentials(password="wrong"), HOME)
    assert world.throttle.counts == [1]
    challenge(world.identity, world.answer(sign_in(world.identity, world.credentials(), HOME)), HOME)
    assert world.throttle.counts == []


def test_a_new_password_leads_to_enrolment_not_to_tokens(world: World) -> None:
    world.person.challenge = ChallengeName.NEW_PASSWORD_REQUIRED
    first = sign_in(world.identity, world.credentials(), HOME)
    second = challenge(world.identity, world.answer(first, "Ferry7-lantern-quilt"), HOME)
    assert isinstance(second, Challenged)
    assert second.challenge is ChallengeName.MFA_SETUP
    assert world.events[-1].resource_id == "NEW_PASSWORD_REQUIRED"


@pytest.mark.parametrize("password", ["Summer-2026-!!", "Clinician-quilt-77", "ferry7-lantern-quilt"])
def test_a_new_password_keeps_all_our_rules_and_costs_no_try(world: World, password: str) -> None:
    world.person.challenge = ChallengeName.NEW_PASSWORD_REQUIRED
    first, before = sign_in(world.identity, world.credentials(), HOME), world.person.password
    for _ in range(10):
        with pytest.raises(InvalidInput, match="password"):
            challenge(world.identity, world.answer(first, password), HOME)
    assert (world.events[-1].action, world.events[-1].error) == (Action.CHALLENGE, InvalidInput.code)
    assert world.person.password == before
    assert world.throttle.counts == []


@pytest.mark.parametrize("asked", [ChallengeName.NEW_PASSWORD_REQUIRED, ChallengeName.MFA_SETUP])
def test_no_password_and_no_factor_is_set_unrecorded(world: World, asked: ChallengeName) -> None:
    world.person.challenge = asked
    first, calls = sign_in(world.identity, world.credentials(), HOME), world.provider.calls
    answer = "Ferry7-lantern-quilt" if asked is ChallengeName.NEW_PASSWORD_REQUIRED else None
    world.events_store.down = True
    with pytest.raises(Unavailable):
        challenge(world.identity, world.answer(first, answer), HOME)
    assert world.provider.calls == calls
    world.events_store.down, before = False, len(world.events)
    challenge(world.identity, world.answer(first, answer), HOME)
    begun = world.events[before]
    assert (begun.action, begun.risk, begun.user_id) == (Action.CHALLENGE, RiskLevel.LOW, world.person.sub)
    assert ATTEMPT in begun.flags


def test_a_chosen_factor_is_challenged_next(world: World) -> None:
    world.person.challenge = ChallengeName.SELECT_MFA_TYPE
    first = sign_in(world.identity, world.credentials(), HOME)
    second = challenge(world.identity, world.answer(first, "SMS_MFA"), HOME)
    assert isinstance(second, Challenged)
    assert isinstance(challenge(world.identity, world.answer(second), HOME), Tokens)


@pytest.mark.parametrize("failure", ["down", "lost_answer"])
def test_tokens_are_revoked_and_the_session_ended_when_the_recorder_fails(world: World, failure: str) -> None:
    challenged = sign_in(world.identity, world.credentials(), HOME)
    setattr(world.events_store, failure, True)
    with pytest.raises(Unavailable):
        challenge(world.identity, world.answer(challenged), HOME)
    assert world.provider.revoked == list(world.provider.families)
    assert [session.ended > 0 for session in world.state.sessions.values()] == [True]


def test_tokens_are_revoked_when_the_session_cannot_be_kept(world: World) -> None:
    challenged = sign_in(world.identity, world.credentials(), HOME)
    respond = world.provider.respond

    def then_down(*arguments: object) -> Challenged | Tokens:
        answer = respond(*arguments)  # type: ignore[arg-type]  # passed through
        world.state.down = True
        return answer

    world.provider.respond = then_down  # type: ignore[method-assign, assignment]  # the table fails between answer and row
    with pytest.raises(Unavailable):
        challenge(world.identity, world.answer(challenged), HOME)
    assert world.provider.revoked == list(world.provider.families)
    assert world.events[-1].error == "unavailable"


def test_a_user_whom_the_trigger_refuses_gets_nothing(world: World) -> None:
    challenged = sign_in(world.identity, world.credentials(), HOME)
    world.provider.refusing = True
    with pytest.raises(AccessDenied):
        challenge(world.identity, world.answer(challenged), HOME)
    assert world.events[-1].risk is RiskLevel.HIGH
    assert world.state.sessions == {}


@pytest.mark.parametrize("extra", [{"role": "root"}, {"scope": "openid"}, {"token_use": "id"}, {"client_id": "other"}])
def test_tokens_that_break_our_rules_are_revoked_not_issued(world: World, extra: dict[str, str]) -> None:
    world.person.extra = extra
    challenged = sign_in(world.identity, world.credentials(), HOME)
    with pytest.raises(Unavailable):
        challenge(world.identity, world.answer(challenged), HOME)
    assert world.provider.revoked == list(world.provider.families)
    assert world.state.sessions == {}


def test_a_sign_in_under_way_is_forgotten_after_a_quarter_of_an_hour(world: World) -> None:
    challenged = sign_in(world.identity, world.credentials(), HOME)
    world.clock.time += 15 * 60 + 1
    with pytest.raises(InvalidCredentials):
        challenge(world.identity, world.answer(challenged), HOME)


def test_the_issued_token_authenticates(world: World, tokens: Tokens) -> None:
    principal = world.sessions.authenticate(authorized(tokens.access_token), HOME)
    assert (principal.user_id, principal.role) == (world.person.sub, "clinician")
