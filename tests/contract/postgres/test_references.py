from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.adapters.postgres import PostgresStore
from phivault.errors import Unprocessable
from phivault.records.store import SealedVersion

Make = Callable[..., SealedVersion]


def refer(store: PostgresStore, tenant: str, *writes: SealedVersion, to: list[tuple[str, str]]) -> None:
    store.commit(tenant, writes, references=to, idempotency=None)


def test_what_exists_can_be_referred_to(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    refer(postgres_store, tenant, version("Patient", "p", 1), to=[])
    refer(postgres_store, tenant, version("Observation", "o", 1), to=[("Patient", "p"), ("Patient", "p")])
    assert postgres_store.read(tenant, "Observation", "o") is not None


def test_so_can_what_the_same_commit_makes(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    writes = version("Observation", "o", 1), version("Patient", "p", 1)
    refer(postgres_store, tenant, *writes, to=[("Patient", "p"), ("Observation", "o")])
    assert postgres_store.read(tenant, "Patient", "p") is not None


def test_what_does_not_exist_cannot(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    with pytest.raises(Unprocessable, match="of type Patient is to nothing") as refused:
        refer(postgres_store, tenant, version("Observation", "o", 1), to=[("Patient", "jane-doe")])
    assert "jane-doe" not in str(refused.value)
    assert postgres_store.read(tenant, "Observation", "o") is None


def test_what_is_deleted_cannot(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    refer(postgres_store, tenant, version("Patient", "p", 1), version("Patient", "p", 2, envelope=None), to=[])
    with pytest.raises(Unprocessable, match="of type Patient is to nothing"):
        refer(postgres_store, tenant, version("Observation", "o", 1), to=[("Patient", "p")])


def test_nor_what_the_same_commit_deletes(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    refer(postgres_store, tenant, version("Patient", "p", 1), to=[])
    deletion = version("Patient", "p", 2, envelope=None)
    with pytest.raises(Unprocessable, match="of type Patient is to nothing"):
        refer(postgres_store, tenant, version("Observation", "o", 1), deletion, to=[("Patient", "p")])


def test_nor_what_is_another_tenants(
    postgres_store: PostgresStore, tenant: str, other_tenant: str, version: Make
) -> None:
    refer(postgres_store, other_tenant, version("Patient", "p", 1), to=[])
    with pytest.raises(Unprocessable, match="of type Patient is to nothing"):
        refer(postgres_store, tenant, version("Observation", "o", 1), to=[("Patient", "p")])
