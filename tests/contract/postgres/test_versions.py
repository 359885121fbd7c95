from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from phivault.adapters.postgres import PostgresStore
from phivault.errors import Conflict, InvalidInput, Unprocessable
from phivault.records.store import SealedVersion

Make = Callable[..., SealedVersion]


@pytest.fixture
def commit(postgres_store: PostgresStore, tenant: str) -> Callable[..., None]:
    def commit(*writes: SealedVersion) -> None:
        postgres_store.commit(tenant, writes, references=(), idempotency=None)

    return commit


def test_what_was_committed_is_read_exactly(
    postgres_store: PostgresStore, tenant: str, version: Make, commit: Callable[..., None]
) -> None:
    written = version("Patient", "a", 1, envelope=bytes(range(256)) * 5000)
    commit(written)
    assert postgres_store.read(tenant, "Patient", "a") == written


def test_an_unused_id_is_none(postgres_store: PostgresStore, tenant: str) -> None:
    assert postgres_store.read(tenant, "Patient", "a") is None
    assert postgres_store.read_version(tenant, "Patient", "a", 1) is None


def test_every_version_stays_readable(
    postgres_store: PostgresStore, tenant: str, version: Make, commit: Callable[..., None]
) -> None:
    versions = [version("Patient", "a", n, envelope=b"sealed %d" % n) for n in (1, 2, 3)]
    for each in versions:
        commit(each)
    assert [postgres_store.read_version(tenant, "Patient", "a", n) for n in (1, 2, 3)] == versions
    assert postgres_store.read(tenant, "Patient", "a") == versions[-1]
    assert postgres_store.read_version(tenant, "Patient", "a", 4) is None


def test_a_deletion_is_a_version_and_can_be_followed(
    postgres_store: PostgresStore, tenant: str, version: Make, commit: Callable[..., None]
) -> None:
    first, deletion, again = (
        version("Patient", "a", 1),
        version("Patient", "a", 2, envelope=None),
        version("Patient", "a", 3),
    )
    commit(first)
    commit(deletion)
    assert postgres_store.read(tenant, "Patient", "a") == deletion
    assert postgres_store.read_version(tenant, "Patient", "a", 1) == first
    commit(again)
    assert postgres_store.read(tenant, "Patient", "a") == again
    assert postgres_store.read_version(tenant, "Patient", "a", 2) == deletion


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_version_that_is_not_the_next_is_a_conflict(
    tenant: str, postgres_store: PostgresStore, version: Make, commit: Callable[..., None], number: int
) -> None:
    first = version("Patient", "a", 1)
    commit(first)
    with pytest.raises(Conflict, match="Patient/a"):
        commit(version("Patient", "a", number, envelope=b"other"))
    assert postgres_store.read(tenant, "Patient", "a") == first


def test_a_new_id_starts_with_version_1(version: Make, commit: Callable[..., None]) -> None:
    with pytest.raises(Conflict):
        commit(version("Patient", "a", 2))


def test_a_resource_does_not_change_its_subject(version: Make, commit: Callable[..., None]) -> None:
    commit(version("Observation", "a", 1, subject="Patient/p"))
    with pytest.raises(Unprocessable, match="Observation/a"):
        commit(version("Observation", "a", 2, subject="Patient/q"))


def test_a_commit_is_all_or_nothing(
    postgres_store: PostgresStore, tenant: str, version: Make, commit: Callable[..., None]
) -> None:
    commit(version("Patient", "z", 1))
    with pytest.raises(Conflict):
        commit(version("Patient", "a", 1), version("Patient", "z", 1))
    assert postgres_store.read(tenant, "Patient", "a") is None


def test_one_commit_may_write_two_versions_of_a_resource(
    postgres_store: PostgresStore, tenant: str, version: Make, commit: Callable[..., None]
) -> None:
    commit(version("Patient", "a", 2, envelope=b"second"), version("Patient", "a", 1, envelope=b"first"))
    newest = postgres_store.read(tenant, "Patient", "a")
    assert newest is not None
    assert newest.envelope == b"second"


def test_a_commit_of_only_deletions_and_an_empty_commit(
    postgres_store: PostgresStore, tenant: str, version: Make, commit: Callable[..., None]
) -> None:
    commit(version("Patient", "a", 1))
    commit(version("Patient", "a", 2, envelope=None))
    commit()
    newest = postgres_store.read(tenant, "Patient", "a")
    assert newest is not None
    assert newest.envelope is None


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "patient"},
        {"id": "a/b"},
        {"id": "x" * 65},
        {"subject": "Patient/"},
        {"subject": "Ada Lovelace"},
        {"envelope": b""},
        {"envelope": b"x" * (8 * 1024 * 1024 + 1)},
    ],
    ids=["type", "id", "long id", "subject", "free subject", "empty envelope", "large envelope"],
)
def test_malformed_rows_are_refused_without_quoting_them(
    version: Make, commit: Callable[..., None], broken: dict[str, object]
) -> None:
    with pytest.raises(Unprocessable) as caught:
        commit(replace(version("Patient", "a", 1), **broken))
    assert str(next(iter(broken.values())))[:20] not in caught.value.detail.removeprefix("Constraint ")


@pytest.mark.parametrize("id", ["a\x00b", "\ud800"])
def test_what_text_cannot_hold_is_invalid_input(postgres_store: PostgresStore, tenant: str, id: str) -> None:
    with pytest.raises(InvalidInput):
        postgres_store.read(tenant, "Patient", id)
    postgres_store.ping()


@pytest.mark.parametrize("tenant", ["", "a|b", "a b", "x" * 65, "tenänt", "a\n"])
def test_a_malformed_tenant_is_refused(postgres_store: PostgresStore, tenant: str) -> None:
    with pytest.raises(InvalidInput):
        postgres_store.read(tenant, "Patient", "a")


def test_tenants_use_the_same_ids_apart(
    postgres_store: PostgresStore, tenant: str, other_tenant: str, version: Make, commit: Callable[..., None]
) -> None:
    commit(version("Patient", "a", 1, envelope=b"mine"))
    theirs = version("Patient", "a", 1, envelope=b"theirs")
    assert postgres_store.read(other_tenant, "Patient", "a") is None
    postgres_store.commit(other_tenant, [theirs], references=(), idempotency=None)
    assert postgres_store.read(other_tenant, "Patient", "a") == theirs
    mine = postgres_store.read(tenant, "Patient", "a")
    assert mine is not None
    assert mine.envelope == b"mine"
