"""Fixtures: the embedded PostgreSQL. Tests share one server and keep apart by tenant."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the driver and the server are imported by the tests that use them, not by every run
    from local.postgres import Postgres
    from phivault.adapters.postgres import PostgresStore
    from phivault.adapters.postgres.sealed_rows import PostgresSealedRows

CONTEXT_KEY = ("test", os.urandom(32))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A migrated server that accepts contexts signed with CONTEXT_KEY."""
    from local.postgres import Postgres

    with Postgres.start(tmp_path_factory.mktemp("postgres")) as server:
        prepare(server)
        yield server


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Like ``postgres``, but this test's alone: to be killed, or its keys changed."""
    from local.postgres import Postgres

    with Postgres.start(tmp_path_factory.mktemp("postgres")) as server:
        prepare(server)
        yield server


@pytest.fixture
def postgres_store(postgres: Postgres) -> Iterator[PostgresStore]:
    """A store on the shared server, as the application role."""
    from phivault.adapters.postgres import PostgresStore

    store = PostgresStore(postgres.app_dsn, lambda: CONTEXT_KEY)
    yield store
    store.close()


@pytest.fixture
def sealed_rows(postgres: Postgres) -> Iterator[PostgresSealedRows]:
    """What rotation asks of the shared server, as the rotator's role."""
    from phivault.adapters.postgres.sealed_rows import PostgresSealedRows

    rows = PostgresSealedRows(postgres.rotator_dsn, lambda: CONTEXT_KEY)
    yield rows
    rows.close()


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test uses."""
    return f"tenant-{secrets.token_hex(8)}"


@pytest.fixture
def other_tenant() -> str:
    """Another one."""
    return f"other-{secrets.token_hex(8)}"


def prepare(server: Postgres) -> None:
    from phivault.adapters.postgres.keys import install_context_key
    from phivault.adapters.postgres.migrate import migrate

    migrate(server.owner_dsn)
    install_context_key(server.owner_dsn, *CONTEXT_KEY)
