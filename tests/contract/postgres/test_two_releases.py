"""The release before this one works on against the migrated database, while this one writes beside it.

A deployment migrates first (docs/deploy.md, a new release). From then until every function is replaced both releases
serve the same rows, and where the deployment is taken back the earlier one goes on alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from phivault.adapters.postgres import PostgresStore
from phivault.errors import Conflict
from phivault.records.store import IdempotencyRecord, SealedVersion
from tests.support.postgres import CONTEXT_KEY
from tests.support.release_before import (
    AMONG,
    FIND_IDEMPOTENT,
    OF_SUBJECTS,
    READ,
    READ_VERSION,
    SEARCH,
    SHUFFLED,
    Before,
    hashed,
    used,
)

if TYPE_CHECKING:
    from local.postgres import Postgres

RED, BLUE = b"\x01" * 8, b"\x02" * 8
ROOM = 1 << 30
IDS, TURNS = "abc", 12

type Make = Callable[..., SealedVersion]


@pytest.fixture
def before(postgres: Postgres, tenant: str) -> Iterator[Before]:
    release = Before(postgres.app_dsn, tenant)
    yield release
    release.close()


@pytest.fixture
def now(postgres_store: PostgresStore, tenant: str) -> Callable[..., None]:
    def commit(*writes: SealedVersion, references: Sequence[tuple[str, str]] = ()) -> None:
        postgres_store.commit(tenant, writes, references=references, idempotency=None)

    return commit


@pytest.fixture
def found(postgres_store: PostgresStore, tenant: str) -> Callable[[bytes], list[tuple[str, int]]]:
    """Id and version of each patient that this release finds by a token."""

    def find(token: bytes) -> list[tuple[str, int]]:
        rows = postgres_store.find(
            tenant,
            "Patient",
            groups=[[token]],
            patients=None,
            ids=None,
            since=None,
            until=None,
            after=("", ""),
            limit=100,
            room=ROOM,
        )
        return [(row.id, row.version) for row in rows]

    return find


def indexed(row: SealedVersion, *tokens: bytes) -> SealedVersion:
    return replace(row, patient=row.id, tokens=frozenset(tokens))


def plain(row: SealedVersion) -> SealedVersion:
    """What the earlier release knows of it."""
    return replace(row, patient="", tokens=frozenset())


def test_each_statement_of_the_release_before_answers_what_this_one_wrote(
    before: Before, now: Callable[..., None], version: Make
) -> None:
    first, second = indexed(version("Patient", "p", 1), RED), indexed(version("Patient", "p", 2), BLUE)
    other = indexed(version("Patient", "q", 1, subject="Patient/q"), RED)
    now(first, other)
    now(second)
    newest, rest = plain(second), plain(other)
    assert before.rows(READ, "Patient", "p") == [newest]
    assert before.rows(READ_VERSION, "Patient", "p", 1) == [plain(first)]
    assert before.rows(SEARCH, "Patient", None, None, "", 10) == [newest, rest]
    assert before.rows(SEARCH, "Patient", "Patient/q", None, "", 10) == [rest]
    assert sorted(row.id for row in before.rows(SHUFFLED, "Patient", None, None, "", 10, b"seed")) == ["p", "q"]
    assert before.rows(AMONG, "Patient", ["Patient/p"], None, "", 10) == [newest]
    assert before.rows(OF_SUBJECTS, "Patient", ["Patient/q"]) == [rest]


def test_what_the_release_before_writes_this_one_reads(
    before: Before, postgres_store: PostgresStore, tenant: str, version: Make
) -> None:
    row = version("Patient", "p", 1)
    before.commit(row)
    assert postgres_store.read(tenant, "Patient", "p") == row
    asked: dict[str, Any] = {"ids": None, "after": "", "limit": 10, "room": ROOM}
    assert postgres_store.search(tenant, "Patient", subject="Patient/p", **asked) == [row]
    found = postgres_store.history(tenant, "Patient", "p", shown=b"", before=9, since=None, limit=9, room=ROOM)
    assert found.rows == [row]


def test_they_write_one_resource_in_turns(
    before: Before, now: Callable[..., None], postgres_store: PostgresStore, tenant: str, version: Make
) -> None:
    rows = [version("Patient", "p", number, envelope=f"sealed {number}".encode()) for number in range(1, 7)]
    for row in rows:
        (now if row.version % 2 else before.commit)(row)
    asked: dict[str, Any] = {"shown": b"", "before": 99, "since": None, "limit": 99, "room": ROOM}
    assert postgres_store.history(tenant, "Patient", "p", **asked).rows == rows[::-1]


def test_neither_overwrites_what_the_other_wrote_meanwhile(
    before: Before, now: Callable[..., None], version: Make
) -> None:
    now(indexed(version("Patient", "p", 1), RED))
    before.commit(version("Patient", "p", 2, envelope=b"before"))
    with pytest.raises(Conflict):
        now(indexed(version("Patient", "p", 2, envelope=b"now"), RED))
    now(indexed(version("Patient", "p", 3), RED))
    with pytest.raises(psycopg.Error) as refused:
        before.commit(version("Patient", "p", 3, envelope=b"before"))
    assert refused.value.sqlstate == "PV001"
    assert before.rows(READ_VERSION, "Patient", "p", 2)[0].envelope == b"before"


def test_writing_at_once_each_version_is_written_once(
    before: Before, postgres: Postgres, tenant: str, version: Make
) -> None:
    """Two instances of each release, on a few resources that refer to each other."""
    before.commit(*(version("Patient", id, 1) for id in IDS))
    with ExitStack() as ends, ThreadPoolExecutor(4) as threads:
        commits = [_commit_of(ends, postgres, tenant, earlier=number < 2) for number in range(4)]
        start = threading.Barrier(4)

        def write(commit: Callable[..., None], by: bytes) -> list[tuple[str, int]]:
            """Ids and versions that it was first with."""
            reader = Before(postgres.app_dsn, tenant)
            ends.callback(reader.close)
            start.wait()
            turns = [(IDS[turn % 3], IDS[(turn + 1) % 3]) for turn in range(TURNS)]
            return [made for id, other in turns if (made := _next_of(reader, commit, version, id, other, by))]

        done = [threads.submit(write, commit, bytes([number])) for number, commit in enumerate(commits)]
        first = [made for each in done for made in each.result()]
    assert len(first) >= TURNS
    assert len(first) == len(set(first))
    for id in IDS:
        assert sorted(number for of, number in first if of == id) == list(range(2, _newest(before, id) + 1))


def _commit_of(ends: ExitStack, postgres: Postgres, tenant: str, *, earlier: bool) -> Callable[..., None]:
    """Of an instance of one of the releases: raises Conflict where another was faster."""
    if earlier:
        release = Before(postgres.app_dsn, tenant)
        ends.callback(release.close)
        return release.commit_or_conflict
    store = PostgresStore(postgres.app_dsn, lambda: CONTEXT_KEY)
    ends.callback(store.close)
    return lambda row, references: store.commit(tenant, [row], references=references, idempotency=None)


def _next_of(
    reader: Before, commit: Callable[..., None], version: Make, id: str, other: str, by: bytes
) -> tuple[str, int] | None:
    """Id and version, unless another was faster."""
    number = _newest(reader, id) + 1
    try:
        commit(indexed(version("Patient", id, number, envelope=by), RED), references=[("Patient", other)])
    except Conflict:
        return None
    return id, number


def _newest(release: Before, id: str) -> int:
    (row,) = release.rows(READ, "Patient", id)
    return row.version


def test_a_key_that_one_release_used_is_used_for_the_other(
    before: Before, postgres_store: PostgresStore, tenant: str, version: Make
) -> None:
    record = IdempotencyRecord("user", "key", b"h" * 32, (("Patient", "p", 1),))
    postgres_store.commit(tenant, [version("Patient", "p", 1)], references=(), idempotency=record)
    [(request_hash, made, _)] = before.ask(FIND_IDEMPOTENT, "user", hashed("key"))
    assert (request_hash, made) == (b"h" * 32, [["Patient", "p", 1]])
    with pytest.raises(psycopg.Error) as refused:
        before.commit(version("Patient", "q", 1), idempotency=used("key", b"h" * 32, "q"))
    assert refused.value.sqlstate == "PV004"
    before.commit(version("Patient", "r", 1), idempotency=used("other", b"i" * 32, "r"))
    kept = postgres_store.find_idempotent(tenant, "user", "other")
    assert kept is not None
    assert (kept.request_hash, kept.made) == (b"i" * 32, (("Patient", "r", 1),))


def test_references_hold_between_releases(before: Before, now: Callable[..., None], version: Make) -> None:
    now(version("Patient", "p", 1))
    before.commit(version("Observation", "o", 1), references=[("Patient", "p")])
    with pytest.raises(psycopg.Error) as refused:
        before.commit(version("Observation", "x", 1), references=[("Patient", "nobody")])
    assert refused.value.sqlstate == "PV003"
    before.commit(version("Patient", "q", 1))
    now(version("Observation", "y", 1), references=[("Patient", "q")])


def test_what_the_release_before_deletes_no_token_finds(
    before: Before, now: Callable[..., None], found: Callable[[bytes], list[tuple[str, int]]], version: Make
) -> None:
    """It leaves the tokens, which it doesn't know."""
    now(indexed(version("Patient", "p", 1), RED))
    assert found(RED) == [("p", 1)]
    before.commit(version("Patient", "p", 2, envelope=None))
    assert found(RED) == []


def test_what_the_release_before_changes_is_found_by_what_it_was_until_it_is_written_again(
    before: Before, now: Callable[..., None], found: Callable[[bytes], list[tuple[str, int]]], version: Make
) -> None:
    """Matches are opened and compared, so an old token shows nothing that doesn't match. What has none yet is found
    once it is written, or sealed again, by this release."""
    now(indexed(version("Patient", "p", 1), RED))
    before.commit(version("Patient", "p", 2), version("Patient", "q", 1, subject="Patient/q"))
    assert found(RED) == [("p", 2)]
    assert found(BLUE) == []
    now(
        indexed(version("Patient", "p", 3), BLUE),
        indexed(version("Patient", "q", 2, subject="Patient/q"), BLUE),
    )
    assert (found(RED), found(BLUE)) == ([], [("p", 3), ("q", 2)])
