"""The release before this one: its statements to the database, over a connection of its own."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from phivault.adapters.postgres.connection import connect
from phivault.adapters.postgres.context import sign
from phivault.adapters.postgres.refusals import refuse
from phivault.records.store import SealedVersion
from tests.support.postgres import CONTEXT_KEY

# As they stood in that release. They are a record: what comes later changes nothing here.
COLUMNS: LiteralString = "SELECT type, id, version, subject, at, envelope FROM "
READ = COLUMNS + "app.read(%b, %b, %b)"
READ_VERSION = COLUMNS + "app.read_version(%b, %b, %b, %b::bigint)"
SEARCH = COLUMNS + "app.search(%b, %b, %b::text, %t::text[], %b, %b::bigint)"
SHUFFLED = COLUMNS + "app.search_shuffled(%b, %b, %b::text, %t::text[], %b, %b::bigint, %b)"
AMONG = COLUMNS + "app.search_among(%b, %b, %t::text[], %t::text[], %b, %b::bigint)"
OF_SUBJECTS = COLUMNS + "app.of_subjects(%b, %b, %t::text[])"
FIND_IDEMPOTENT: LiteralString = "SELECT request_hash, made, attempt FROM app.find_idempotent(%b, %b, %b)"
COMMIT: LiteralString = """SELECT app.commit(
  %b, %b::text[], %b::text[], %b::bigint[], %b::text[], %b::timestamptz[], %b::bytea[], %b::text[], %b::text[],
  %b::text, %b::bytea, %b::bytea, %b::jsonb, %b::bytea)"""


class Before:
    """An instance of it. What the database refuses is psycopg's error, but for ``commit_or_conflict``."""

    def __init__(self, dsn: str, tenant: str) -> None:
        self._connection, self._tenant = connect(dsn), tenant

    def ask(self, query: LiteralString, *arguments: Any) -> list[tuple[Any, ...]]:
        info = self._connection.info
        context = sign(*CONTEXT_KEY, tenant=self._tenant, backend_pid=info.backend_pid, role=info.user)
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(query, (context, *arguments)).fetchall()

    def rows(self, query: LiteralString, *arguments: Any) -> list[SealedVersion]:
        return [SealedVersion(*row) for row in self.ask(query, *arguments)]

    def commit(
        self,
        *writes: SealedVersion,
        references: Sequence[tuple[str, str]] = (),
        idempotency: Sequence[Any] = (None,) * 5,
    ) -> None:
        columns = [[getattr(write, name) for write in writes] for name in SealedVersion.__match_args__[:6]]
        referred = [[reference[place] for reference in references] for place in (0, 1)]
        self.ask(COMMIT, *columns, *referred, *idempotency)

    def commit_or_conflict(self, row: SealedVersion, references: Sequence[tuple[str, str]]) -> None:
        """Raises Conflict where another commit was faster."""
        try:
            self.commit(row, references=references)
        except psycopg.Error as error:
            refuse(error)

    def close(self) -> None:
        self._connection.close()


def hashed(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def used(key: str, request_hash: bytes, id: str) -> tuple[Any, ...]:
    """What the earlier release wrote beside a commit of a patient with an Idempotency-Key."""
    return "user", hashed(key), request_hash, json.dumps([["Patient", id, 1]]), os.urandom(16)
