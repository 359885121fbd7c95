"""Proposals about users: the store and its fake keep one contract."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.adapters.dynamodb_proposals import DynamoProposals
from phivault.errors import Conflict
from phivault.identity.proposals import Proposal, ProposalStore
from tests.unit.identity.fake_administration import MemoryProposals

NOW = 1_800_000_000


class _Clock:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture(params=[DynamoProposals, MemoryProposals])
def store(request: pytest.FixtureRequest, table: str, clock: Callable[[], float]) -> ProposalStore:
    return DynamoProposals(table, now=clock) if request.param is DynamoProposals else MemoryProposals(clock)


@pytest.fixture
def tenant() -> str:
    return f"tenant-{secrets.token_hex(4)}"


def a_proposal(tenant: str, id: str = "", **changed: object) -> Proposal:
    sealed = Personal("Tenant", "ref", b"sealed")
    proposal = Proposal(id or secrets.token_hex(32), tenant, Role.CLINICIAN, None, "admin-1", NOW + 60, "n-1", sealed)
    return replace(proposal, **changed)  # type: ignore[arg-type]  # fields of Proposal


def test_what_is_kept_is_what_was_proposed(store: ProposalStore, tenant: str) -> None:
    invitation = a_proposal(tenant)
    role = a_proposal(tenant, "user-1", email=None, role=Role.PATIENT, patient_id="p-1")
    for each in (invitation, role):
        store.propose(each)
        assert store.proposal(tenant, each.id) == each
        assert store.proposal(tenant + "x", each.id) is None
    assert list(store.proposals(tenant)) == sorted([invitation, role], key=lambda one: one.id)
    assert list(store.proposals(tenant + "x")) == []


def test_one_stands_at_a_time(store: ProposalStore, tenant: str, clock: _Clock) -> None:
    store.propose(a_proposal(tenant, "user-1"))
    with pytest.raises(Conflict):
        store.propose(a_proposal(tenant, "user-1", nonce="n-2"))
    clock.now += 60
    assert store.proposal(tenant, "user-1") is None
    assert list(store.proposals(tenant)) == []
    later = a_proposal(tenant, "user-1", nonce="n-2", expires=NOW + 120)
    store.propose(later)
    assert store.proposal(tenant, "user-1") == later


def test_only_another_person_approves_and_only_what_stands(store: ProposalStore, tenant: str, clock: _Clock) -> None:
    asked = a_proposal(tenant)
    store.propose(asked)
    for wrong in (replace(asked, approved_by="admin-1"), replace(asked, approved_by="officer-1", nonce="n-2")):
        with pytest.raises(Conflict):
            store.approve(wrong)
    approved = replace(asked, approved_by="officer-1")
    store.approve(approved)
    assert store.proposal(tenant, asked.id) == approved
    with pytest.raises(Conflict):
        store.drop(asked)  # as it was before it was approved
    store.drop(approved)
    for late in (store.drop, store.approve):
        with pytest.raises(Conflict):
            late(approved)
    store.propose(asked)
    clock.now += 60
    for late in (store.drop, store.approve):
        with pytest.raises(Conflict):
            late(approved)


def test_one_of_many_drops_it(store: ProposalStore, tenant: str) -> None:
    asked = a_proposal(tenant)
    store.propose(asked)

    def drop(_: int) -> bool:
        try:
            store.drop(asked)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(drop, range(4))) == 1
