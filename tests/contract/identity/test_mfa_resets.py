"""What the store of resets promises, kept by the fake and by DynamoDB alike."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from phivault.adapters.dynamodb_mfa_reset import DynamoMfaResets
from phivault.errors import Conflict, Unavailable
from phivault.identity.mfa_reset import MfaReset
from tests.unit.identity.fake_administration import MemoryMfaResets
from tests.unit.identity.fakes import Clock

type Resets = MemoryMfaResets | DynamoMfaResets


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "dynamodb"])
def resets(request: pytest.FixtureRequest, clock: Clock) -> Resets:
    if request.param == "memory":
        return MemoryMfaResets(clock)
    return DynamoMfaResets(request.getfixturevalue("table"), now=clock)


@pytest.fixture
def asked(clock: Clock) -> MfaReset:
    now = int(clock())
    return MfaReset(secrets.token_hex(8), secrets.token_hex(16), "tenant-a", "admin-1", now, now + 100)


def approved(asked: MfaReset, by: str = "admin-2") -> MfaReset:
    return replace(asked, approved_by=by, effective=asked.requested + 10, expires=asked.requested + 200)


def test_one_stands_per_user_until_it_expires(resets: Resets, asked: MfaReset, clock: Clock) -> None:
    assert resets.reset(asked.user_id) is None
    resets.request(asked)
    assert resets.reset(asked.user_id) == asked
    with pytest.raises(Conflict):
        resets.request(replace(asked, id="other"))
    clock.time = asked.expires
    assert resets.reset(asked.user_id) is None
    for change in (resets.approve, resets.drop):
        with pytest.raises(Conflict):
            change(approved(asked))
    again = replace(asked, id="other", expires=asked.expires + 100)
    resets.request(again)
    assert resets.reset(asked.user_id) == again


def test_an_approval_is_by_another_person_and_once(resets: Resets, asked: MfaReset) -> None:
    resets.request(asked)
    for wrong in (approved(asked, by="admin-1"), replace(approved(asked), id="another-request")):
        with pytest.raises(Conflict):
            resets.approve(wrong)
    assert resets.reset(asked.user_id) == asked
    resets.approve(approved(asked))
    assert resets.reset(asked.user_id) == approved(asked)
    with pytest.raises(Conflict):
        resets.approve(approved(asked, by="admin-3"))


def test_it_is_used_once_and_only_while_in_effect(resets: Resets, asked: MfaReset, clock: Clock) -> None:
    resets.request(asked)
    with pytest.raises(Conflict):
        resets.use(asked, clock() + 50)
    resets.approve(approved(asked))
    with pytest.raises(Conflict):
        resets.use(approved(asked), asked.requested + 9)
    resets.use(approved(asked), asked.requested + 10)
    with pytest.raises(Conflict):
        resets.use(approved(asked), asked.requested + 10)
    assert resets.reset(asked.user_id) is None


def test_a_cancelled_one_is_gone(resets: Resets, asked: MfaReset) -> None:
    resets.request(asked)
    with pytest.raises(Conflict):
        resets.drop(replace(asked, id="another-request"))
    resets.approve(approved(asked))
    resets.drop(asked)
    for change in (resets.approve, resets.drop):
        with pytest.raises(Conflict):
            change(approved(asked))
    with pytest.raises(Conflict):
        resets.use(approved(asked), asked.requested + 20)


def test_of_a_use_and_a_cancellation_at_once_one_happens(table: str, asked: MfaReset, clock: Clock) -> None:
    resets = DynamoMfaResets(table, now=clock)
    resets.request(asked)
    resets.approve(approved(asked))

    def won(number: int) -> bool:
        try:
            if number % 2:
                resets.drop(asked)
            else:
                resets.use(asked, asked.requested + 20)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(won, range(6))) == 1


def test_an_outage_is_told_as_one(asked: MfaReset) -> None:
    with pytest.raises(Unavailable):
        DynamoMfaResets("no-such-table").request(asked)
