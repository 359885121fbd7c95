"""A password buys a challenge, and every attempt is on record before it is answered."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import InvalidCredentials, TooManyRequests, Unavailable
from phivault.identity.provider import ChallengeName
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import HOME, Person, World


def test_a_right_password_is_answered_with_a_challenge_and_recorded(world: World) -> None:
    challenged = sign_in(world.identity, world.credentials(), HOME)
    assert challenged.challenge is ChallengeName.SOFTWARE_TOKEN_MFA
    (event,) = world.events
    assert (event.action, event.success, event.risk, event.tenant) == (Action.SIGN_IN, True, RiskLevel.LOW, "-")
    assert (event.user_id, event.resource_id) == (world.person.sub, "SOFTWARE_TOKEN_MFA")
    assert event.request_id == HOME.request_id


def test_the_person_is_sealed_under_the_days_key(world: World) -> None:
    sign_in(world.identity, world.credentials(), HOME)
    (event,) = world.events
    assert event.personal_subject == "Unattributed/2026-09-21"
    assert event.personal_ref == event.id
    assert world.opened(event) == {
        "user_email": world.person.email,
        "ip_address": HOME.ip,
        "user_agent": HOME.user_agent,
    }


def test_a_wrong_password_is_refused_and_recorded(world: World) -> None:
    with pytest.raises(InvalidCredentials):
        sign_in(world.identity, world.credentials(password="wrong"), HOME)
    (event,) = world.events
    assert (event.success, event.risk, event.error, event.user_id) == (
        False,
        RiskLevel.MEDIUM,
        "invalid-credentials",
        "",
    )


def test_the_fifth_attempt_is_locked_out_with_an_honest_wait(world: World) -> None:
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            sign_in(world.identity, world.credentials(password="wrong"), HOME)
    calls = world.provider.calls
    with pytest.raises(TooManyRequests) as refused:
        sign_in(world.identity, world.credentials(), HOME)
    assert world.provider.calls == calls
    assert refused.value.retry_after is not None
    assert world.events[-1].risk is RiskLevel.HIGH
    world.clock.time += refused.value.retry_after - 1
    with pytest.raises(TooManyRequests):
        sign_in(world.identity, world.credentials(), HOME)
    world.clock.time += 1
    assert sign_in(world.identity, world.credentials(), HOME)


def test_a_lock_of_the_provider_that_we_did_not_see_still_says_when_to_come_back(world: World) -> None:
    world.provider.locked = True
    with pytest.raises(TooManyRequests) as refused:
        sign_in(world.identity, world.credentials(), HOME)
    assert refused.value.retry_after == 1


@pytest.mark.parametrize("failure", ["down", "lost_answer"])
def test_no_session_leaves_when_the_recorder_fails(world: World, failure: str) -> None:
    setattr(world.events_store, failure, True)
    with pytest.raises(Unavailable):
        sign_in(world.identity, world.credentials(), HOME)


def test_a_refusal_that_cannot_be_recorded_is_not_told(world: World) -> None:
    world.events_store.down = True
    with pytest.raises(Unavailable):
        sign_in(world.identity, world.credentials(password="wrong"), HOME)


def test_a_provider_that_is_down_is_recorded(world: World) -> None:
    world.provider.down = True
    with pytest.raises(Unavailable):
        sign_in(world.identity, world.credentials(), HOME)
    assert [event.error for event in world.events] == ["unavailable"]
    assert world.throttle.counts == []


def test_locks_are_per_account(world: World) -> None:
    other = world.enrol(Person("auditor@example.test", role="auditor"))
    for _ in range(5):
        with pytest.raises((InvalidCredentials, TooManyRequests)):
            sign_in(world.identity, world.credentials(password="wrong"), HOME)
    assert sign_in(world.identity, world.credentials(other), HOME)


def test_no_address_is_kept_in_clear(world: World) -> None:
    sign_in(world.identity, world.credentials(), HOME)
    with pytest.raises(InvalidCredentials):
        sign_in(world.identity, world.credentials(password="wrong"), HOME)
    kept = repr((world.state.__dict__, world.throttle.__dict__, world.events_store.objects)) + "".join(
        repr((p.account, p.email.subject, p.email.ref, p.email.sealed)) for p in world.state.pending.values()
    )
    assert world.person.email not in kept
    assert HOME.ip not in kept
