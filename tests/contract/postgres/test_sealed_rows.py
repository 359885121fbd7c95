"""Rows by the keys that they are under, and their replacement: asked of a migrated database, as the rotator's role."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.adapters.postgres.context import sign
from phivault.adapters.postgres.sealed_rows import PostgresSealedRows
from phivault.errors import Unavailable
from phivault.records.store import SealedVersion
from tests.support.postgres import CONTEXT_KEY
from tests.support.waiting import until_somebody_waits

type MakeVersion = Callable[..., SealedVersion]
ROOM = 1 << 20


def sealed(key_version: int, rest: bytes = b"rest") -> bytes:
    """The bytes that name a key at the beginning of an envelope, and others."""
    return b"\x01" + key_version.to_bytes(4) + rest


@pytest.fixture
def rows(sealed_rows: PostgresSealedRows) -> PostgresSealedRows:
    return sealed_rows


@pytest.fixture
def stored(postgres_store: PostgresStore, version: MakeVersion, tenant: str) -> PostgresStore:
    """Patient/p: an observation of three versions, a deleted one, one in the directory; some under key 2 already."""
    commit = lambda *writes: postgres_store.commit(tenant, writes, references=(), idempotency=None)  # noqa: E731  (brief)
    for number, key in ((1, 1), (2, 1), (3, 2)):
        commit(version("Observation", "a", number, envelope=sealed(key, b"a%d" % number)))
    commit(version("Observation", "b", 1, envelope=sealed(1, b"b1")))
    commit(version("Observation", "b", 2, envelope=None))
    commit(version("Patient", "p", 1, envelope=sealed(1, b"p1")))
    commit(version("Organization", "o", 1, subject="Tenant", envelope=sealed(7, b"o1")))
    commit(version("Patient", "q", 1, subject="Patient/q", envelope=sealed(0xFFFFFFFF, b"q1")))
    return postgres_store


def below(rows: PostgresSealedRows, tenant: str, key: int = 2, **asked: object) -> list[SealedVersion]:
    given: dict[str, object] = {"after": ("", "", 0), "limit": 100, "room": ROOM} | asked
    return rows.sealed_below(tenant, "Patient/p", key, **given)  # type: ignore[arg-type]  # as given by the test


def names(found: list[SealedVersion]) -> list[tuple[str, str, int]]:
    return [(row.type, row.id, row.version) for row in found]


def test_subjects_that_own_rows_are_listed_in_order(
    stored: PostgresStore, rows: PostgresSealedRows, tenant: str
) -> None:
    assert rows.subjects(tenant, "", 10) == ["Patient/p", "Patient/q", "Tenant"]
    assert rows.subjects(tenant, "Patient/p", 1) == ["Patient/q"]
    assert rows.subjects(tenant, "Tenant", 10) == []


def test_a_subject_with_nothing_but_a_history_is_listed(
    postgres_store: PostgresStore, rows: PostgresSealedRows, version: MakeVersion, tenant: str
) -> None:
    for number, envelope in ((1, sealed(1)), (2, None)):
        write = version("Patient", "gone", number, subject="Patient/gone", envelope=envelope)
        postgres_store.commit(tenant, [write], references=(), idempotency=None)
    assert rows.subjects(tenant, "", 10) == ["Patient/gone"]
    assert rows.key_versions(tenant, ["Patient/gone"]) == {"Patient/gone": {1: 1}}


def test_rows_are_counted_by_the_keys_they_name(stored: PostgresStore, rows: PostgresSealedRows, tenant: str) -> None:
    counted = rows.key_versions(tenant, ["Patient/p", "Patient/q", "Tenant", "Patient/nobody"])
    assert counted == {"Patient/p": {1: 4, 2: 1}, "Patient/q": {0xFFFFFFFF: 1}, "Tenant": {7: 1}}


def test_older_rows_are_found_in_order_and_in_pages(
    stored: PostgresStore, rows: PostgresSealedRows, tenant: str
) -> None:
    every = [("Observation", "a", 1), ("Observation", "a", 2), ("Observation", "b", 1), ("Patient", "p", 1)]
    assert names(below(rows, tenant)) == every
    assert names(below(rows, tenant, key=3)) == [*every[:2], ("Observation", "a", 3), *every[2:]]
    assert names(below(rows, tenant, limit=2)) == every[:2]
    assert names(below(rows, tenant, after=("Observation", "a", 1))) == every[1:]
    assert names(below(rows, tenant, after=("Observation", "b", 1))) == every[3:]
    assert names(below(rows, tenant, room=1)) == every[:1]
    assert below(rows, tenant)[0].envelope == sealed(1, b"a1")


def test_rows_are_replaced_where_they_are_and_nothing_else_of_them(
    stored: PostgresStore, rows: PostgresSealedRows, tenant: str
) -> None:
    old = below(rows, tenant)
    new = [replace(row, envelope=sealed(2, (row.envelope or b"")[5:])) for row in old]
    assert rows.reseal(tenant, list(zip(old, new, strict=True))) == 4
    assert below(rows, tenant) == []
    for row, written in zip(old, new, strict=True):
        assert stored.read_version(tenant, row.type, row.id, row.version) == written
    assert (stored.read(tenant, "Observation", "b") or old[0]).envelope is None
    assert rows.reseal(tenant, list(zip(old, new, strict=True))) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda old, new: (replace(old, envelope=sealed(1, b"another")), new),
        lambda old, new: (old, replace(new, envelope=sealed(1, b"the same key"))),
        lambda old, new: (old, replace(new, envelope=sealed(0, b"an earlier key"))),
        lambda old, new: (old, replace(new, envelope=b"no envelope")),
        lambda old, new: (old, replace(new, envelope=b"\x01\xff")),
        lambda old, new: (old, replace(new, envelope=None)),
        lambda old, new: (old, replace(new, version=9)),
        lambda old, new: (old, replace(new, id="c")),
    ],
    ids=["changed", "same key", "earlier key", "no envelope", "short", "deletion", "no version", "no resource"],
)
@pytest.mark.parametrize("place", [0, 3], ids=["history", "newest"])
def test_what_is_not_a_later_envelope_for_what_was_read_changes_nothing(
    stored: PostgresStore, rows: PostgresSealedRows, tenant: str, change: Callable[..., object], place: int
) -> None:
    old = below(rows, tenant)[place]
    asked = change(old, replace(old, envelope=sealed(2)))
    assert rows.reseal(tenant, [asked]) == 0  # type: ignore[list-item]  # a pair
    assert stored.read_version(tenant, old.type, old.id, old.version) == old


def test_a_deletion_cannot_be_filled(stored: PostgresStore, rows: PostgresSealedRows, tenant: str) -> None:
    deletion = stored.read(tenant, "Observation", "b")
    assert deletion is not None
    assert rows.reseal(tenant, [(deletion, replace(deletion, envelope=sealed(2)))]) == 0
    assert stored.read(tenant, "Observation", "b") == deletion


def test_another_tenants_rows_are_neither_seen_nor_replaced(
    stored: PostgresStore, rows: PostgresSealedRows, tenant: str, other_tenant: str
) -> None:
    old = below(rows, tenant)
    assert rows.subjects(other_tenant, "", 10) == []
    assert rows.key_versions(other_tenant, ["Patient/p"]) == {}
    assert below(rows, other_tenant) == []
    assert rows.reseal(other_tenant, [(row, replace(row, envelope=sealed(2))) for row in old]) == 0
    assert below(rows, tenant) == old


def test_a_version_that_a_commit_moved_into_the_history_is_found_there(
    stored: PostgresStore, rows: PostgresSealedRows, version: MakeVersion, tenant: str
) -> None:
    old = below(rows, tenant)[3]
    stored.commit(tenant, [version("Patient", "p", 2, envelope=sealed(1, b"p2"))], references=(), idempotency=None)
    assert rows.reseal(tenant, [(old, replace(old, envelope=sealed(2, b"p1")))]) == 1
    assert [row.envelope for row in below(rows, tenant) if row.type == "Patient"] == [sealed(1, b"p2")]
    assert (stored.read_version(tenant, "Patient", "p", 1) or old).envelope == sealed(2, b"p1")


def test_tokens_are_those_of_the_newest_version(
    stored: PostgresStore, rows: PostgresSealedRows, tenant: str, postgres: Postgres
) -> None:
    old = below(rows, tenant)
    new = [
        replace(row, envelope=sealed(2), patient="p", tokens=frozenset({b"token-%02d" % n}))
        for n, row in enumerate(old)
    ]
    rows.reseal(tenant, list(zip(old, new, strict=True)))
    rows.reseal(tenant, [(one, replace(one, envelope=sealed(3), tokens=frozenset({b"newer-03"}))) for one in new[3:]])
    with psycopg.connect(postgres.app_dsn) as connection:
        context = sign(*CONTEXT_KEY, tenant=tenant, backend_pid=connection.info.backend_pid, role=connection.info.user)
        connection.execute("SELECT set_config('phivault.context', %s, true)", (context,))
        found = connection.execute("SELECT token, patient, type, id FROM phi.search_tokens").fetchall()
    assert [(bytes(token), *rest) for token, *rest in found] == [(b"newer-03", "p", "Patient", "p")]


def test_a_row_that_another_commit_holds_is_waited_for_shortly(
    stored: PostgresStore, rows: PostgresSealedRows, tenant: str, postgres: Postgres
) -> None:
    old = below(rows, tenant)[3]
    asked = [(old, replace(old, envelope=sealed(2)))]
    with psycopg.connect(postgres.app_dsn) as connection:
        context = sign(*CONTEXT_KEY, tenant=tenant, backend_pid=connection.info.backend_pid, role=connection.info.user)
        connection.execute("SELECT set_config('phivault.context', %s, true)", (context,))
        connection.execute("SELECT FROM phi.resources WHERE type = 'Patient' AND id = 'p' FOR UPDATE")
        with pytest.raises(Unavailable):
            rows.reseal(tenant, asked)
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(rows.reseal, tenant, asked)
            until_somebody_waits(connection)
            connection.rollback()
            assert waiting.result() == 1


@pytest.mark.parametrize("role", ["phivault_app", "phivault_rotator"])
def test_no_function_changes_history_by_itself(
    stored: PostgresStore, rows: PostgresSealedRows, tenant: str, postgres: Postgres, role: str
) -> None:
    statements = (
        "UPDATE phi.history SET envelope = '\\x0100000002'",
        "UPDATE phi.history SET subject = 'Tenant'",
        "DELETE FROM phi.history",
        "UPDATE phi.resources SET subject = 'Tenant'",
        f"ALTER FUNCTION app.reseal OWNER TO {role}",
        "CREATE OR REPLACE FUNCTION app.key_version(envelope bytea) RETURNS bigint LANGUAGE sql AS 'SELECT 9::bigint'",
    )
    with psycopg.connect(postgres.dsn(role), autocommit=True) as connection:
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


@pytest.mark.parametrize("context", ["", "v1|test|victim|9999999999|00", "nothing"])
def test_without_a_signed_context_nothing_is_replaced(
    stored: PostgresStore, rows: PostgresSealedRows, tenant: str, postgres: Postgres, context: str
) -> None:
    old = below(rows, tenant)[0]
    digest = sha256(old.envelope or b"").digest()
    asked = ([old.type], [old.id], [old.version], [digest], [sealed(2)], [""], [], [])
    with psycopg.connect(postgres.rotator_dsn, autocommit=True) as connection:
        call = """SELECT * FROM app.reseal(%s, %s::text[], %s::text[], %s::bigint[], %s::bytea[], %s::bytea[],
          %s::text[], %s::bigint[], %s::bytea[])"""
        if context:
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
                connection.execute(call, (context, *asked))
        else:
            assert connection.execute(call, (context, *asked)).fetchall() == []
    assert below(rows, tenant)[0] == old
