"""Whose the targets of references are: the fake and PostgreSQL say the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.adapters.postgres import PostgresStore
from phivault.records.store import Owned, SealedVersion
from tests.support.records_fakes import MemoryResources

Make = Callable[..., SealedVersion]
CLASSES = bytes([1, 4, 5])
ENVELOPE = bytes(38) + len(CLASSES).to_bytes(2) + bytes(2) + CLASSES + b"names and what follows"
LARGE = bytes(38) + (1024).to_bytes(2) + bytes(2) + bytes([5]) * 1024 + bytes(1 << 20)


@pytest.fixture(params=["postgres", "memory"])
def filled(request: pytest.FixtureRequest, tenant: str, other_tenant: str, version: Make) -> PostgresStore:
    fakes = {"memory": lambda: MemoryResources([]), "postgres": lambda: request.getfixturevalue("postgres_store")}
    store: PostgresStore = fakes[request.param]()
    for writes in (
        [version("Encounter", "e", 1, subject="Patient/p", envelope=ENVELOPE)],
        [version("Encounter", "large", 1, subject="Patient/q", envelope=LARGE)],
        [version("Encounter", "gone", 1, subject="Patient/p", envelope=ENVELOPE)],
        [version("Encounter", "gone", 2, subject="Patient/p", envelope=None)],
        [version("RelatedPerson", "e", 1, subject="RelatedPerson/e", envelope=ENVELOPE)],
    ):
        store.commit(tenant, writes, references=(), idempotency=None)
    others = [version("Encounter", "theirs", 1, subject="Patient/p", envelope=ENVELOPE)]
    store.commit(other_tenant, others, references=(), idempotency=None)
    return store


def test_says_whose_each_is_and_the_classes_that_its_header_lists(filled: PostgresStore, tenant: str) -> None:
    found = filled.owners_of(tenant, [("RelatedPerson", "e"), ("Encounter", "large"), ("Encounter", "e")])
    assert sorted(found, key=lambda each: (each.type, each.id)) == [
        Owned("Encounter", "e", "Patient/p", CLASSES),
        Owned("Encounter", "large", "Patient/q", bytes([5]) * 1024),
        Owned("RelatedPerson", "e", "RelatedPerson/e", CLASSES),
    ]


def test_what_is_deleted_unknown_or_another_tenants_has_no_owner(filled: PostgresStore, tenant: str) -> None:
    absent = [("Encounter", "gone"), ("Encounter", "theirs"), ("Encounter", "none"), ("Patient", "e")]
    assert filled.owners_of(tenant, absent) == []
    assert filled.owners_of(tenant, []) == []
