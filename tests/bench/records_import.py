"""A transaction of up to 500 generated entries beside a bare insert of what it commits, and what storing that takes.

The insert: psycopg's ``executemany`` of the same rows (type, id, version, subject, time, envelope) into a table of the
same columns and primary key, without row-level security, history, index or references, over the same kind of
connection, in one transaction.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

import psycopg

from local.bundles import generate
from phivault import bootstrap
from phivault.adapters.postgres import PostgresStore
from phivault.crypto.envelope import read_header
from phivault.records.general_names import is_general
from phivault.records.open import open_with
from phivault.records.seal import RESOURCE_TYPE
from phivault.records.store import SealedVersion
from tests.bench._measure import Figure
from tests.bench._records_stage import TENANT, Stage, stage
from tests.bench._records_turns import Turn, ratio, turns, typical

ENTRIES = 500
PATIENTS, SEED = 60, 7
TURNS = 5
PADDED_TO = 32
PER_ELEMENT, PER_RECORD = 28, 128
PLAIN = 20
"""Bytes that an element costs besides its name: class, the name's end, length and tag."""
TABLE = """CREATE TABLE bare (
  tenant_id text, type text, id text, version bigint, subject text, at timestamptz, envelope bytea,
  PRIMARY KEY (tenant_id, type, id))"""


def figures() -> Iterator[Figure]:
    entries = _entries()
    with stage() as here:
        one = _Import(here, entries)
        one.transact()  # the first makes a key for each patient, and imports what later ones have
        one.insert()
        one.committing.clear()
        taken = turns({"transaction": one.transact, "insert": one.insert}, TURNS)
        yield from _rates(taken, len(entries))
        shares = [turn["insert"].wall / commit for turn, commit in zip(taken, one.committing, strict=True)]
        yield Figure("rows a second of its commit (tokens, history, policies) / of the same", statistics.median(shares))
        yield from _storage(one.writes)
        yield from _tables(here)


def _entries() -> list[Any]:
    """Whole patients, as many as fit: what refers to each other comes together."""
    found: list[Any] = []
    for bundle in generate(PATIENTS, SEED):
        entries = json.loads(bundle)["entry"]
        if len(found) + len(entries) <= ENTRIES:
            found += entries
    return found


class _Import:
    """``writes`` is what the last transaction committed, ``committing`` how many seconds each commit took."""

    def __init__(self, here: Stage, entries: list[Any]) -> None:
        self._here, self._event = here, here.transaction(entries)
        self._connection = psycopg.connect(here.server.admin_dsn, autocommit=True)
        self._connection.execute(TABLE)
        self.writes: Sequence[SealedVersion] = ()
        self.committing: list[float] = []

    def transact(self) -> None:
        commit = PostgresStore.commit

        def kept(store: PostgresStore, tenant: str, writes: Sequence[SealedVersion], **more: Any) -> None:
            self.writes, began = writes, time.perf_counter()
            commit(store, tenant, writes, **more)
            self.committing.append(time.perf_counter() - began)

        with patch.object(PostgresStore, "commit", kept):
            self._here.ask(self._event)

    def insert(self) -> None:
        rows = [(TENANT, w.type, w.id, w.version, w.subject, w.at, w.envelope) for w in self.writes]
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany("INSERT INTO bare VALUES (%s, %s, %s, %s, %s, %s, %b)", rows)


def _rates(taken: list[Turn], entries: int) -> Iterator[Figure]:
    name = f"rows a second of a transaction of {entries} entries / of a bare executemany"
    yield Figure(name, ratio(taken, ["insert"], ["transaction"], "wall"), at_least=0.5)
    yield Figure("the same, by the CPU time of this process", ratio(taken, ["insert"], ["transaction"], "cpu"))
    yield Figure("CPU milliseconds of an entry of a transaction", typical(taken, "transaction", "cpu") / entries * 1e3)
    yield Figure("milliseconds of an entry of a transaction", typical(taken, "transaction", "wall") / entries * 1e3)


def _storage(writes: Sequence[SealedVersion]) -> Iterator[Figure]:
    """What envelopes add to the values that they hold, padding apart."""
    added = padding = general = elements = values = 0
    worst = 0.0
    named: list[tuple[int, int]] = []
    for write in writes:
        envelope = write.envelope or b""
        count = len(read_header(envelope).elements)
        held = open_with(bootstrap.subject_keys(), TENANT, write)
        sizes = {name: len(value) for name, value in held.items()}
        pad = sum(max(0, PADDED_TO - size) for size in sizes.values())
        own = len(envelope) - sum(sizes.values()) - pad
        worst = max(worst, own / (PER_ELEMENT * count + PER_RECORD))
        beside = [name for name in sizes if is_general(name)]
        named.append((own - sum(PLAIN + len(name) for name in beside), count - len(beside)))
        added, padding, elements = added + own, padding + pad, elements + count
        general += sum(size for name, size in sizes.items() if is_general(name) or name == RESOURCE_TYPE)
        values += sum(size for name, size in sizes.items() if not is_general(name) and name != RESOURCE_TYPE)
    allowed = PER_ELEMENT * elements + PER_RECORD * len(writes)
    yield Figure(
        f"bytes that envelopes add / {PER_ELEMENT} per element and {PER_RECORD} per record", added / allowed, 1
    )
    yield Figure("the same of the record where it is most", worst, 1)
    own, allowed = sum(one for one, _ in named), sum(PER_ELEMENT * n + PER_RECORD for _, n in named)
    yield Figure("the same of all records, of what isn't a general form", own / allowed)
    yield Figure("elements of a record", elements / len(writes))
    yield Figure("bytes of a record's own members", values / len(writes))
    yield Figure("bytes that its envelope adds", added / len(writes))
    yield Figure("bytes of padding, beside", padding / len(writes))
    yield Figure("bytes of general forms and the type, beside", general / len(writes))
    yield Figure("search tokens of a record", sum(len(write.tokens) for write in writes) / len(writes))


def _tables(here: Stage) -> Iterator[Figure]:
    with psycopg.connect(here.server.admin_dsn, autocommit=True) as connection:
        connection.execute("VACUUM FULL phi.resources, phi.search_tokens")
        rows = _number(connection, "SELECT count(*) FROM phi.resources")
        for table, called in (("resources", "a row and its indexes"), ("search_tokens", "search tokens")):
            size = _number(connection, f"SELECT pg_total_relation_size('phi.{table}')")
            yield Figure(f"bytes on disk of {called} of a record", size / rows)
        tokens = _number(connection, "SELECT count(*) FROM phi.search_tokens")
        yield Figure("bytes on disk of a search token", size / tokens)


def _number(connection: psycopg.Connection[Any], query: Any) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
