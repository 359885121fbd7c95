"""A second store on the same database, and a wire between store and database that can be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.records.store import SealedVersion
from tests.support.cut_wire import CutWire
from tests.support.postgres import CONTEXT_KEY

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)

type MakeVersion = Callable[..., SealedVersion]


@pytest.fixture
def version() -> MakeVersion:
    """``version("Patient", "a", 1)``, a deletion with ``envelope=None``."""

    def make(
        type: str, id: str, version: int, *, subject: str = "Patient/p", envelope: bytes | None = b"sealed"
    ) -> SealedVersion:
        return SealedVersion(type, id, version, subject, AT, envelope)

    return make


@pytest.fixture
def second_store(postgres: Postgres) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres.app_dsn, lambda: CONTEXT_KEY)
    yield store
    store.close()


@pytest.fixture
def wire(postgres: Postgres) -> Iterator[CutWire]:
    with CutWire(postgres.port) as wire:
        yield wire


@pytest.fixture
def wired_store(postgres: Postgres, wire: CutWire) -> Iterator[PostgresStore]:
    """A store that reaches the database through ``wire``."""
    dsn = postgres.app_dsn.replace(f":{postgres.port}/", f":{wire.port}/")
    store = PostgresStore(dsn, lambda: CONTEXT_KEY)
    store.ping()
    yield store
    store.close()
