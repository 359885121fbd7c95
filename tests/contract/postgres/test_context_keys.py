"""Which keys of the tenant context live, as a deployment sets them."""

from __future__ import annotations

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.adapters.postgres.keys import ensure_context_keys
from phivault.adapters.postgres.migrate import migrate
from phivault.errors import AccessDenied, Conflict, PhivaultError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with Postgres.start(tmp_path_factory.mktemp("postgres")) as started:
        migrate(started.owner_dsn)
        yield started


@pytest.fixture
def dsn(server: Postgres) -> str:
    with psycopg.connect(server.owner_dsn) as owner:
        owner.execute("DELETE FROM app.context_keys")
    return server.owner_dsn


def test_a_missing_key_is_made_and_a_living_one_kept(dsn: str) -> None:
    first = ensure_context_keys(dsn, ["k1"])
    assert [len(key) for key in first.values()] == [32]
    assert ensure_context_keys(dsn, ["k1"]) == first


def test_a_rotation_adds_then_retires(dsn: str) -> None:
    first = ensure_context_keys(dsn, ["k1"])
    both = ensure_context_keys(dsn, ["k1", "k2"])
    assert list(both) == ["k1", "k2"]
    assert both["k1"] == first["k1"] != both["k2"]
    assert ensure_context_keys(dsn, ["k2"]) == {"k2": both["k2"]}
    assert list(ensure_context_keys(dsn, ["k2", "k3"])) == ["k2", "k3"]


def test_the_key_that_functions_sign_with_is_not_replaced_at_once(dsn: str) -> None:
    living = ensure_context_keys(dsn, ["k1"])
    with pytest.raises(Conflict, match="beside the living one"):
        ensure_context_keys(dsn, ["k2"])
    assert ensure_context_keys(dsn, ["k1"]) == living


def test_a_retired_key_signs_for_nobody(server: Postgres, dsn: str) -> None:
    keys = ensure_context_keys(dsn, ["k1", "k2"])
    ensure_context_keys(dsn, ["k2"])
    retired = PostgresStore(server.app_dsn, lambda: ("k1", keys["k1"]))
    living = PostgresStore(server.app_dsn, lambda: ("k2", keys["k2"]))
    try:
        assert living.read("tenant", "Patient", "absent") is None
        with pytest.raises(PhivaultError) as refusal:
            retired.read("tenant", "Patient", "absent")
        assert not isinstance(refusal.value, AccessDenied)  # ours to repair, not the caller's
    finally:
        retired.close()
        living.close()
