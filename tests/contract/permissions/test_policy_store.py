"""What every store of tenants' own policies keeps, asked of the fake and of DynamoDB on this machine."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from phivault.access.validate import MAX_BYTES
from phivault.adapters.access_state_table import TABLE
from phivault.adapters.dynamodb_tenant_policies import DynamoTenantPolicies
from phivault.errors import Conflict, InvalidInput, Unavailable
from phivault.permissions.policies.state import MOST_OPEN, Proposal, sha256
from tests.support.memory_policies import MemoryPolicies

NOW = 1_800_000_000
type Store = MemoryPolicies | DynamoTenantPolicies


class Clock:
    time: float = NOW

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest, clock: Clock) -> Store:
    if request.param == "memory":
        return MemoryPolicies(clock)
    new_table: Callable[[dict[str, Any]], str] = request.getfixturevalue("new_table")
    return DynamoTenantPolicies(new_table(TABLE), now=clock)


def a_proposal(base: int = 0, text: str = "text", **changed: Any) -> Proposal:
    proposal = Proposal(str(uuid.uuid4()), base, text, ("one", "two"), "admin", NOW, NOW + 100)
    return replace(proposal, **changed)


def test_nothing_stands_at_first(store: Store) -> None:
    assert (store.current("t"), store.version("t", 0), store.version("t", 1)) == (0, None, None)
    assert (list(store.history("t", 5)), list(store.proposals("t"))) == ([], [])
    with pytest.raises(Unavailable):
        store.text("t", 1)


def test_an_approval_moves_all_at_once(store: Store) -> None:
    proposal = a_proposal(restores=3)
    store.propose("t", proposal)
    assert list(store.proposals("t")) == [proposal]
    store.approve("t", proposal, "officer", NOW + 5)
    assert (store.current("t"), store.text("t", 1), list(store.proposals("t"))) == (1, "text", [])
    version = store.version("t", 1)
    assert version is not None
    assert (version.ids, version.sha256, version.proposal) == (("one", "two"), sha256("text"), proposal.id)
    assert (version.proposed_by, version.proposed, version.approved_by, version.approved, version.restores) == (
        "admin",
        NOW,
        "officer",
        NOW + 5,
        3,
    )
    assert store.current("u") == 0
    with pytest.raises(Conflict):
        store.approve("t", proposal, "officer", NOW + 6)  # the same once more


def test_an_approval_is_by_another_person_in_time_and_from_the_current_version(store: Store, clock: Clock) -> None:
    first, second = a_proposal(), a_proposal()
    store.propose("t", first)
    store.propose("t", second)
    for wrong, by in ((first, "admin"), (replace(first, id=str(uuid.uuid4())), "officer")):
        with pytest.raises(Conflict):
            store.approve("t", wrong, by, NOW)
    store.approve("t", first, "officer", NOW)
    with pytest.raises(Conflict):
        store.approve("t", second, "officer", NOW)
    third = a_proposal(1)
    store.propose("t", third)
    clock.time = NOW + 100
    for change in (lambda: store.approve("t", third, "officer", NOW), lambda: store.withdraw("t", third)):
        with pytest.raises(Conflict):
            change()
    assert (store.current("t"), list(store.proposals("t"))) == (1, [])


def test_versions_are_listed_newest_first_and_bounded(store: Store) -> None:
    for base in range(12):
        proposal = a_proposal(base, f"text {base}")
        store.propose("t", proposal)
        store.approve("t", proposal, "officer", NOW)
    assert [one.version for one in store.history("t", 3)] == [12, 11, 10]
    assert len(store.history("t", 50)) == 12
    assert store.text("t", 3) == "text 2"


def test_a_withdrawn_proposal_is_gone(store: Store) -> None:
    proposal = a_proposal()
    store.propose("t", proposal)
    store.withdraw("t", proposal)
    for change in (lambda: store.withdraw("t", proposal), lambda: store.approve("t", proposal, "officer", NOW)):
        with pytest.raises(Conflict):
            change()
    assert store.current("t") == 0


def test_places_are_bounded_and_come_free_when_a_proposal_ends(store: Store, clock: Clock) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: store.propose("t", a_proposal()), range(MOST_OPEN)))
    assert len(store.proposals("t")) == MOST_OPEN
    with pytest.raises(Conflict):
        store.propose("t", a_proposal())
    store.withdraw("t", store.proposals("t")[7])
    store.propose("t", a_proposal())
    store.propose("u", a_proposal())
    clock.time = NOW + 100
    assert list(store.proposals("t")) == []
    store.propose("t", a_proposal(expires=NOW + 200))
    assert len(store.proposals("t")) == 1


def test_the_largest_texts_all_fit(store: Store) -> None:
    for _ in range(MOST_OPEN):
        store.propose("t", a_proposal(text="x" * MAX_BYTES))
    assert {len(one.text) for one in store.proposals("t")} == {MAX_BYTES}
    store.approve("t", store.proposals("t")[-1], "officer", NOW)
    assert len(store.text("t", 1)) == MAX_BYTES


@pytest.fixture
def dynamo(new_table: Callable[[dict[str, Any]], str], clock: Clock) -> DynamoTenantPolicies:
    return DynamoTenantPolicies(new_table(TABLE), now=clock)


def won(*changes: Callable[[], None]) -> list[bool]:
    """Which of what was tried at once went through."""

    def one(change: Callable[[], None]) -> bool:
        try:
            change()
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(changes)) as threads:
        return list(threads.map(one, changes))


def test_of_two_approvers_at_once_one_wins(dynamo: DynamoTenantPolicies) -> None:
    proposal = a_proposal()
    dynamo.propose("t", proposal)
    tried = won(*[lambda n=n: dynamo.approve("t", proposal, f"officer-{n}", NOW) for n in range(4)])
    assert sum(tried) == 1
    version = dynamo.version("t", 1)
    assert version is not None
    assert (version.approved_by, dynamo.current("t")) == (f"officer-{tried.index(True)}", 1)


def test_of_two_proposals_from_one_version_one_is_approved(dynamo: DynamoTenantPolicies) -> None:
    proposals = [a_proposal(text=f"text {n}") for n in range(4)]
    for proposal in proposals:
        dynamo.propose("t", proposal)
    tried = won(*[lambda p=p: dynamo.approve("t", p, "officer", NOW) for p in proposals])
    assert sum(tried) == 1
    assert (dynamo.current("t"), dynamo.version("t", 2)) == (1, None)
    assert dynamo.text("t", 1) == proposals[tried.index(True)].text


@pytest.mark.parametrize("attempt", range(4))
def test_of_an_approval_and_a_withdrawal_at_once_one_happens(dynamo: DynamoTenantPolicies, attempt: int) -> None:
    proposal = a_proposal()
    dynamo.propose("t", proposal)
    approved, withdrawn = won(
        lambda: dynamo.approve("t", proposal, "officer", NOW), lambda: dynamo.withdraw("t", proposal)
    )
    assert approved != withdrawn
    assert dynamo.current("t") == int(approved)
    assert list(dynamo.proposals("t")) == []


def test_a_tenants_id_reaches_into_no_other_rows(dynamo: DynamoTenantPolicies) -> None:
    with pytest.raises(InvalidInput):
        dynamo.current("t#POLICIES")


def test_an_outage_is_told_as_one(aws_endpoints: Any) -> None:
    store = DynamoTenantPolicies("no-such-table")
    for call in (
        lambda: store.current("t"),
        lambda: store.propose("t", a_proposal()),
        lambda: store.history("t", 1),
    ):
        with pytest.raises(Unavailable):
            call()
