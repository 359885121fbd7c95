"""Tokens are written with a commit, replaced by the next and gone with a deletion; conditions end races."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from phivault.adapters.postgres import PostgresStore
from phivault.adapters.postgres.sealed_rows import PostgresSealedRows
from phivault.errors import Conflict, Unprocessable
from phivault.records.store import Absent, SealedVersion
from tests.support.accounts import eventually

if TYPE_CHECKING:
    from local.postgres import Postgres

Make = Callable[..., SealedVersion]
A, B, C, D = (bytes([n]) * 8 for n in (1, 2, 3, 4))


@pytest.fixture
def indexed(version: Make) -> Make:
    """``indexed("Patient", "a", 1, {A, B})``, about the patient p."""

    def make(type: str, id: str, number: int, tokens: set[bytes], *, patient: str = "p") -> SealedVersion:
        return replace(version(type, id, number), patient=patient, tokens=frozenset(tokens))

    return make


@pytest.fixture
def commit(postgres_store: PostgresStore, tenant: str) -> Callable[..., None]:
    def commit(*writes: SealedVersion, absent: tuple[Absent, ...] = ()) -> None:
        postgres_store.commit(tenant, writes, references=(), idempotency=None, absent=absent)

    return commit


@pytest.fixture
def kept(postgres: Postgres, tenant: str) -> Callable[..., set[tuple[bytes, str, str, str]]]:
    """(token, patient, type, id) of each row of the tenant."""

    def kept(of: str = tenant) -> set[tuple[bytes, str, str, str]]:
        with psycopg.connect(postgres.admin_dsn) as connection:
            found = connection.execute(
                "SELECT token, patient, type, id FROM phi.search_tokens WHERE tenant_id = %s", (of,)
            )
            return set(found.fetchall())

    return kept


def test_tokens_stand_beside_what_was_written(indexed: Make, commit: Callable[..., None], kept: Callable) -> None:
    commit(indexed("Patient", "p", 1, {A, B}), indexed("Organization", "o", 1, {A}, patient=""))
    assert kept() == {(A, "p", "Patient", "p"), (B, "p", "Patient", "p"), (A, "", "Organization", "o")}


def test_an_update_replaces_them(indexed: Make, commit: Callable[..., None], kept: Callable) -> None:
    commit(indexed("Patient", "p", 1, {A, B}), indexed("Patient", "q", 1, {A}, patient="q"))
    commit(indexed("Patient", "p", 2, {B, C}))
    assert kept() == {(B, "p", "Patient", "p"), (C, "p", "Patient", "p"), (A, "q", "Patient", "q")}


def test_a_deletion_takes_them_away(indexed: Make, version: Make, commit: Callable[..., None], kept: Callable) -> None:
    commit(indexed("Observation", "x", 1, {A}), indexed("Condition", "x", 1, {B}))
    commit(version("Observation", "x", 2, envelope=None))
    assert kept() == {(B, "p", "Condition", "x")}


def test_of_two_versions_in_one_commit_the_last_counts(
    indexed: Make, commit: Callable[..., None], kept: Callable
) -> None:
    commit(indexed("Patient", "p", 2, {B}), indexed("Patient", "p", 1, {A}))
    assert kept() == {(B, "p", "Patient", "p")}


def test_a_commit_that_fails_leaves_tokens_as_they_were(
    indexed: Make, commit: Callable[..., None], kept: Callable
) -> None:
    commit(indexed("Patient", "p", 1, {A}))
    with pytest.raises(Conflict):
        commit(indexed("Patient", "q", 1, {B}), indexed("Patient", "p", 1, {C}))
    with pytest.raises(Unprocessable):
        commit(indexed("Patient", "q", 1, {B[:7]}))
    assert kept() == {(A, "p", "Patient", "p")}


def test_one_tenants_tokens_are_out_of_anothers_reach(
    postgres_store: PostgresStore,
    sealed_rows: PostgresSealedRows,
    tenant: str,
    indexed: Make,
    version: Make,
    commit: Callable[..., None],
    kept: Callable,
) -> None:
    commit(indexed("Patient", "p", 1, {A}))
    other = f"t{uuid.uuid4().hex[:12]}"
    condition = Absent("Patient", ((A,),))
    postgres_store.commit(
        other, [indexed("Patient", "p", 1, {A, B})], references=(), idempotency=None, absent=[condition]
    )
    assert sealed_rows.forget_tokens(other, "Patient/p") == 2
    assert kept() == {(A, "p", "Patient", "p")}
    assert kept(other) == set()


def test_the_application_role_sees_none_without_a_context_and_changes_none(
    postgres: Postgres, indexed: Make, commit: Callable[..., None]
) -> None:
    commit(indexed("Patient", "p", 1, {A}))
    with psycopg.connect(postgres.app_dsn, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM phi.search_tokens").fetchone() == (0,)
        assert connection.execute("DELETE FROM phi.search_tokens").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE phi.search_tokens SET id = 'x'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO phi.search_tokens VALUES ('north', %s, 'p', 'Patient', 'p')", (A,))


def test_the_table_has_forced_row_level_security(postgres: Postgres) -> None:
    with psycopg.connect(postgres.owner_dsn) as connection:
        found = connection.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'phi.search_tokens'::regclass"
        ).fetchone()
    assert found == (True, True)


def test_what_a_subject_owns_is_forgotten_and_nothing_else(
    sealed_rows: PostgresSealedRows, tenant: str, indexed: Make, commit: Callable[..., None], kept: Callable
) -> None:
    commit(
        indexed("Patient", "p", 1, {A, B}),
        indexed("Observation", "x", 1, {C}),
        replace(indexed("RelatedPerson", "r", 1, {D}), subject="RelatedPerson/r"),
    )
    assert sealed_rows.forget_tokens(tenant, "Patient/p") == 3
    assert kept() == {(D, "p", "RelatedPerson", "r")}
    assert sealed_rows.forget_tokens(tenant, "Patient/p") == 0


# What must be absent


def test_a_condition_that_holds_lets_a_commit_through(indexed: Make, commit: Callable[..., None]) -> None:
    commit(indexed("Patient", "p", 1, {A}))
    commit(indexed("Patient", "q", 1, {B}), absent=(Absent("Patient", ((B, C),)),))
    commit(indexed("Patient", "r", 1, {A}), absent=(Absent("Organization", ((A,),)),))


@pytest.mark.parametrize("groups", [((A,),), ((C, A),), ((A,), (B,)), ((B, C), (D, A))])
def test_what_has_a_token_of_each_group_is_there(
    indexed: Make, commit: Callable[..., None], kept: Callable, groups: tuple[tuple[bytes, ...], ...]
) -> None:
    commit(indexed("Patient", "p", 1, {A, B}))
    with pytest.raises(Conflict, match="Another Patient"):
        commit(indexed("Patient", "q", 1, {A, B}), absent=(Absent("Patient", groups),))
    assert {row[3] for row in kept()} == {"p"}


@pytest.mark.parametrize("groups", [((A,), (C,)), ((C,), (A,)), ((A,), ()), ((),)])
def test_what_lacks_one_is_not(
    indexed: Make, commit: Callable[..., None], groups: tuple[tuple[bytes, ...], ...]
) -> None:
    commit(indexed("Patient", "p", 1, {A, B}), indexed("Patient", "q", 1, {C}, patient="q"))
    commit(indexed("Patient", "r", 1, {A}), absent=(Absent("Patient", groups),))


def test_groups_are_met_by_one_resource_not_by_several(indexed: Make, commit: Callable[..., None]) -> None:
    commit(indexed("Observation", "x", 1, {A}), indexed("Observation", "y", 1, {B}))
    commit(indexed("Observation", "z", 1, {C}), absent=(Absent("Observation", ((A,), (B,))),))


def test_deleted_resources_do_not_count(indexed: Make, version: Make, commit: Callable[..., None]) -> None:
    commit(indexed("Patient", "q", 1, {A}))
    commit(version("Patient", "q", 2, envelope=None))
    commit(indexed("Patient", "r", 1, {B}), absent=(Absent("Patient", ((A,),)),))


def test_what_was_there_at_the_moment_does_not_count_and_what_came_since_does(
    postgres_store: PostgresStore, indexed: Make, commit: Callable[..., None]
) -> None:
    commit(indexed("Patient", "p", 1, {A}))
    condition = Absent("Patient", ((A,),), postgres_store.moment())
    commit(indexed("Patient", "q", 1, {B}), absent=(condition,))
    commit(indexed("Patient", "r", 1, {A}))
    with pytest.raises(Conflict, match="Another Patient"):
        commit(indexed("Patient", "s", 1, {C}), absent=(condition,))
    commit(indexed("Patient", "s", 1, {C}), absent=(Absent("Patient", ((A,),), postgres_store.moment()),))


def test_what_was_being_written_at_the_moment_counts(
    postgres: Postgres, postgres_store: PostgresStore, tenant: str, indexed: Make, commit: Callable[..., None]
) -> None:
    """Its transaction is older than the moment, and nobody saw what it wrote."""
    with psycopg.connect(postgres.admin_dsn) as writing:
        row = (tenant, A, "w", "Patient", "w")
        writing.execute(
            "INSERT INTO phi.search_tokens (tenant_id, token, patient, type, id) VALUES (%s, %s, %s, %s, %s)", row
        )
        condition = Absent("Patient", ((A,),), postgres_store.moment())
        commit(indexed("Patient", "q", 1, {B}), absent=(condition,))
    with pytest.raises(Conflict, match="Another Patient"):
        commit(indexed("Patient", "r", 1, {B}), absent=(condition,))


def test_what_a_younger_transaction_wrote_counts(
    postgres: Postgres, postgres_store: PostgresStore, tenant: str, indexed: Make, commit: Callable[..., None]
) -> None:
    """It began after the commit that waits for its turn, and ended before that looks."""
    condition = Absent("Patient", ((A,),), postgres_store.moment())
    place = "hashtextextended('phivault-absent/' || %s || '/Patient', 0)"
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as other, ThreadPoolExecutor(1) as pool:
        other.execute(f"SELECT pg_advisory_lock({place})", (tenant,))
        waiting = pool.submit(commit, indexed("Patient", "q", 1, {B}), absent=(condition,))
        asked = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        eventually(lambda: other.execute(asked).fetchall())
        row = (tenant, A, "w", "Patient", "w")
        other.execute(
            "INSERT INTO phi.search_tokens (tenant_id, token, patient, type, id) VALUES (%s, %s, %s, %s, %s)", row
        )
        other.execute(f"SELECT pg_advisory_unlock({place})", (tenant,))
        with pytest.raises(Conflict, match="Another Patient"):
            waiting.result()


def test_what_changed_since_counts_as_it_is_now(
    postgres_store: PostgresStore, indexed: Make, commit: Callable[..., None]
) -> None:
    commit(indexed("Patient", "p", 1, {A}), indexed("Patient", "q", 1, {B}, patient="q"))
    condition = Absent("Patient", ((A,),), postgres_store.moment())
    commit(indexed("Patient", "p", 2, {B}))
    commit(indexed("Patient", "r", 1, {C}), absent=(condition,))
    commit(indexed("Patient", "q", 2, {A}, patient="q"))
    with pytest.raises(Conflict):
        commit(indexed("Patient", "s", 1, {C}), absent=(condition,))


def test_a_condition_without_groups_is_refused(indexed: Make, commit: Callable[..., None]) -> None:
    with pytest.raises(ValueError, match="without groups"):
        commit(indexed("Patient", "p", 1, {A}), absent=(Absent("Patient", ()),))


def test_of_many_at_once_with_one_condition_one_commits(
    postgres: Postgres, tenant: str, indexed: Make, kept: Callable
) -> None:
    """Also where conditions differ and each writes what the others' speak of."""
    from tests.support.postgres import CONTEXT_KEY

    outcomes: list[str] = []
    begin = threading.Barrier(4)

    def race(number: int) -> None:
        store = PostgresStore(postgres.app_dsn, lambda: CONTEXT_KEY)
        store.ping()
        for turn in range(25):
            both = {bytes([turn]) * 8, bytes([100 + turn]) * 8}
            asked = bytes([turn + 100 * (number % 2)]) * 8
            write = indexed("Patient", f"n{number}-{turn}", 1, both)
            begin.wait()
            try:
                store.commit(tenant, [write], references=(), idempotency=None, absent=[Absent("Patient", ((asked,),))])
            except Conflict:
                outcomes.append("conflict")
            else:
                outcomes.append("made")
        store.close()

    threads = [threading.Thread(target=race, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("made") == 25
    assert outcomes.count("conflict") == 75
    assert len(kept()) == 50
