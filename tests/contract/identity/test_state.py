"""What the stores promise, kept by the fake and by DynamoDB alike."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from phivault.adapters.aws import client
from phivault.adapters.dynamodb_sessions import DynamoSessions
from phivault.errors import Conflict, Unavailable
from phivault.identity.pending import PendingSignIn
from phivault.identity.provider import ChallengeName
from phivault.identity.session import Session
from tests.contract.identity.made import a_session, an_id
from tests.unit.identity.fakes import Clock, MemoryState

type State = MemoryState | DynamoSessions


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "dynamodb"])
def state(request: pytest.FixtureRequest, clock: Clock) -> State:
    if request.param == "memory":
        return MemoryState(clock)
    return DynamoSessions(request.getfixturevalue("table"), now=clock)


@pytest.fixture
def session(clock: Clock) -> Session:
    return a_session(clock())


def test_a_session_is_found_by_its_names_and_by_its_token(state: State, session: Session) -> None:
    state.open(session)
    assert state.load(session.user_id, session.id) == session
    assert state.find_by_refresh(session.refresh_hash) == session


def test_nothing_is_found_under_another_name(state: State, session: Session) -> None:
    state.open(session)
    assert state.load(session.user_id, an_id()) is None
    assert state.load(an_id(), session.id) is None
    assert state.find_by_refresh(an_id()) is None


def test_a_session_is_opened_once(state: State, session: Session) -> None:
    state.open(session)
    with pytest.raises(Conflict):
        state.open(replace(session, refresh_hash=an_id()))


def test_rotation_keeps_what_changed_and_remembers_the_old_token(state: State, session: Session) -> None:
    state.open(session)
    moved = replace(
        session,
        personal=replace(session.personal, sealed=b"elsewhere"),
        salt=os.urandom(16),
        place=os.urandom(32),
        token_ids=(an_id(), *session.token_ids),
    )
    newest = an_id()
    state.rotate(moved, newest)
    expected = replace(moved, refresh_hash=newest)
    assert state.load(session.user_id, session.id) == expected
    assert state.find_by_refresh(newest) == expected
    assert state.find_by_refresh(session.refresh_hash) == expected


def test_a_token_is_rotated_once(state: State, session: Session) -> None:
    state.open(session)
    state.rotate(session, an_id())
    with pytest.raises(Conflict):
        state.rotate(session, refused := an_id())
    assert state.find_by_refresh(refused) is None


def test_an_ended_session_is_not_rotated(state: State, session: Session, clock: Clock) -> None:
    state.open(session)
    state.end(session.user_id, session.id, int(clock()))
    with pytest.raises(Conflict):
        state.rotate(session, an_id())


def test_the_first_end_stays_and_an_absent_session_has_none(state: State, session: Session, clock: Clock) -> None:
    state.open(session)
    state.end(session.user_id, session.id, 5)
    state.end(session.user_id, session.id, 9)
    state.end(an_id(), an_id(), 9)
    found = state.load(session.user_id, session.id)
    assert found is not None
    assert found.ended == 5


def test_what_expired_is_absent_before_it_is_deleted(state: State, session: Session, clock: Clock) -> None:
    pending = PendingSignIn(ChallengeName.SMS_MFA, "account", session.personal, "user", session.began, session.expires)
    state.open(session)
    state.save_pending(key := an_id(), pending)
    clock.time += 101
    assert state.load(session.user_id, session.id) is None
    assert state.find_by_refresh(session.refresh_hash) is None
    assert state.load_pending(key) is None


def test_a_sign_in_under_way_is_kept_replaced_and_dropped(state: State, session: Session) -> None:
    key = an_id()
    pending = PendingSignIn(ChallengeName.MFA_SETUP, "account", session.personal, "", session.began, session.expires)
    state.save_pending(key, pending)
    assert state.load_pending(key) == pending
    state.save_pending(key, replace(pending, user_id="user"))
    assert state.load_pending(key) == replace(pending, user_id="user")
    state.drop_pending(key)
    state.drop_pending(key)
    assert state.load_pending(key) is None


def test_no_personal_text_is_in_the_table(table: str, session: Session, clock: Clock) -> None:
    state = DynamoSessions(table, now=clock)
    state.open(session)
    item = client("dynamodb").get_item(
        TableName=table, Key={"pk": {"S": f"USER#{session.user_id}"}, "sk": {"S": f"SESSION#{session.id}"}}
    )["Item"]
    assert set(item) == {
        "pk", "sk", "tenant", "role", "patient_id", "began", "auth_time", "opened", "seen", "expires", "personal",
        "personal_subject", "personal_ref", "salt", "place", "refresh_hash", "token_ids", "ended",
    }  # fmt: skip


def test_a_missing_table_is_unavailable(aws_endpoints: object, session: Session) -> None:
    state = DynamoSessions("no-such-table")
    calls: list[Callable[[], object]] = [
        lambda: state.open(session),
        lambda: state.load("user", "session"),
        lambda: state.end("user", "session", 1),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            call()
