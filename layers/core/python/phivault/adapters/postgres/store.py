"""The resource store on PostgreSQL: one function call, and so one round trip, per read and per commit."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from phivault.adapters.postgres.calls import Arguments, TenantCalls
from phivault.adapters.postgres.finding import (
    AMONG,
    FIND,
    RECENT,
    RECENT_AMONG,
    of_among,
    of_find,
    of_holding_types,
    of_recent,
    of_recent_among,
    within_room,
)
from phivault.adapters.postgres.link import OutcomeUnknown
from phivault.errors import Conflict, Unavailable
from phivault.records.store import Absent, Holding, HoldingType, IdempotencyRecord, Owned, SealedHistory, SealedVersion

# %b: binary, so that envelopes don't travel as hexadecimal. The casts give empty and all-NULL arrays their type.
_COLUMNS: LiteralString = "SELECT type, id, version, subject, at, envelope FROM "
_READ = _COLUMNS + "app.read(%b, %b, %b)"
_READ_VERSION = _COLUMNS + "app.read_version(%b, %b, %b, %b::bigint)"
_SEARCH = within_room("app.search(%b, %b, %b::text, %t::text[], %b, %b::bigint)")
_SHUFFLED = within_room("app.search_shuffled(%b, %b, %b::text, %t::text[], %b, %b::bigint, %b)")
_OF_SUBJECTS = _COLUMNS + "app.of_subjects(%b, %b, %t::text[])"
_HISTORY: LiteralString = """SELECT type, id, version, subject, at, envelope, low, present FROM app.history_holding(
  %b, %b, %b, %b, %b::bigint, %b::timestamptz, %b::bigint, %b::bigint)"""
_OF_PATIENT = (
    _COLUMNS
    + """app.of_patient_holding(
  %b, %b, %t::text[], %b::bytea[], %b::bytea[], %b::bytea[], %b, %b, %b::timestamptz, %b::bigint, %b::bigint)"""
)
_OWNERS: LiteralString = "SELECT type, id, subject, classes FROM app.owners_of(%b, %b::text[], %b::text[])"
_FIND: LiteralString = "SELECT request_hash, made, attempt FROM app.find_idempotent(%b, %b, %b)"
_COMMIT: LiteralString = """SELECT app.commit_indexed(
  %b, %b::text[], %b::text[], %b::bigint[], %b::text[], %b::timestamptz[], %b::bytea[], %b::text[], %b::text[],
  %b::text, %b::bytea, %b::bytea, %b::jsonb, %b::bytea,
  %b::text[], %b::text[], %b::text[], %b::bigint[], %b::bytea[], %b::jsonb)"""


class PostgresStore(TenantCalls):
    """Fills ``phivault.records.store.ResourceStore``, as the application's role."""

    def read(self, tenant: str, type: str, id: str) -> SealedVersion | None:
        return _only(self._read(tenant, _READ, type, id))

    def read_version(self, tenant: str, type: str, id: str, version: int) -> SealedVersion | None:
        return _only(self._read(tenant, _READ_VERSION, type, id, version))

    def search(
        self,
        tenant: str,
        type: str,
        *,
        subject: str | None,
        ids: Sequence[str] | None,
        after: str,
        limit: int,
        room: int,
        shuffle: bytes | None = None,
    ) -> list[SealedVersion]:
        asked = (type, subject, None if ids is None else list(ids), after, limit)
        if shuffle is None:
            rows = self._read(tenant, _SEARCH, *asked, room)
        else:
            rows = self._read(tenant, _SHUFFLED, *asked, shuffle, room)
        return [SealedVersion(*row) for row in rows]

    def search_among(
        self,
        tenant: str,
        type: str,
        *,
        among: Sequence[Holding],
        ids: Sequence[str] | None,
        after: str,
        limit: int,
        room: int,
    ) -> list[SealedVersion]:
        asked = of_among(type, among, ids, after, (limit, room))
        return [SealedVersion(*row) for row in self._read(tenant, AMONG, *asked)]

    def of_subjects(self, tenant: str, type: str, subjects: Sequence[str]) -> list[SealedVersion]:
        return [SealedVersion(*row) for row in self._read(tenant, _OF_SUBJECTS, type, list(subjects))]

    def history(
        self,
        tenant: str,
        type: str,
        id: str,
        *,
        shown: bytes,
        before: int,
        since: datetime | None,
        limit: int,
        room: int,
    ) -> SealedHistory:
        found = self._read(tenant, _HISTORY, type, id, shown, before, since, limit, room)
        rows = [SealedVersion(*row) for *row, _, _ in found if row[0] is not None]
        *_, low, present = found[0]
        return SealedHistory(rows, low, present)

    def of_patient(
        self,
        tenant: str,
        patient: str,
        *,
        types: Sequence[HoldingType],
        relatives: Sequence[bytes],
        after: tuple[str, str],
        since: datetime | None,
        limit: int,
        room: int,
    ) -> list[SealedVersion]:
        asked = (patient, *of_holding_types(types), list(relatives), *after, since, limit, room)
        return [SealedVersion(*row) for row in self._read(tenant, _OF_PATIENT, *asked)]

    def find(
        self,
        tenant: str,
        type: str,
        *,
        groups: Sequence[Sequence[bytes]],
        patients: Sequence[str] | None,
        ids: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None,
        after: tuple[str, str],
        limit: int,
        room: int,
    ) -> list[SealedVersion]:
        asked = of_find(type, groups, patients, ids, (since, until), after, (limit, room))
        return [SealedVersion(*row) for row in self._read(tenant, FIND, *asked)]

    def recent(
        self,
        tenant: str,
        type: str,
        *,
        by_time: bool,
        backwards: bool,
        groups: Sequence[Sequence[bytes]],
        subjects: Sequence[str] | None,
        ids: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None,
        after: tuple[datetime, str] | None,
        limit: int,
        room: int,
    ) -> list[SealedVersion]:
        asked = of_recent(type, (by_time, backwards), groups, subjects, ids, (since, until), after, (limit, room))
        return [SealedVersion(*row) for row in self._read(tenant, RECENT, *asked)]

    def recent_among(
        self,
        tenant: str,
        type: str,
        *,
        by_time: bool,
        backwards: bool,
        among: Sequence[Holding],
        ids: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None,
        after: tuple[datetime, str] | None,
        limit: int,
        room: int,
    ) -> list[SealedVersion]:
        asked = of_recent_among(type, (by_time, backwards), among, ids, (since, until), after, (limit, room))
        return [SealedVersion(*row) for row in self._read(tenant, RECENT_AMONG, *asked)]

    def owners_of(self, tenant: str, references: Sequence[tuple[str, str]]) -> list[Owned]:
        return [Owned(*row) for row in self._read(tenant, _OWNERS, *_of_references(references))]

    def moment(self) -> str:
        return str(self._link.call("SELECT pg_current_snapshot()::text", lambda _: (), repeatable=True)[0][0])

    def find_idempotent(self, tenant: str, principal: str, key: str) -> IdempotencyRecord | None:
        found = self._find(tenant, principal, key)
        return None if found is None else found[0]

    def commit(
        self,
        tenant: str,
        writes: Sequence[SealedVersion],
        *,
        references: Sequence[tuple[str, str]],
        idempotency: IdempotencyRecord | None,
        absent: Sequence[Absent] = (),
    ) -> None:
        attempt = os.urandom(16)
        arguments = (
            *_of_writes(writes),
            *_of_references(references),
            *_of_idempotency(idempotency, writes, attempt),
            *_of_tokens(writes),
            _of_absent(absent),
        )
        try:
            self._call(tenant, _COMMIT, arguments, repeatable=False)
        except OutcomeUnknown:
            if idempotency is None:
                raise Unavailable("PostgreSQL dropped the connection: the outcome of the commit is unknown") from None
            self._settle(tenant, arguments, idempotency, attempt)

    def _settle(self, tenant: str, arguments: Arguments, idempotency: IdempotencyRecord, attempt: bytes) -> None:
        """Make sure that a commit whose connection was lost has happened, once.

        It has if its idempotency row is there. If not, it failed or still runs: the same commit is sent again, which
        waits for the other at that row and either takes the row or finds it taken.
        """
        try:
            if self._made_by(tenant, idempotency, attempt):
                return
            try:
                self._call(tenant, _COMMIT, arguments, repeatable=False)
            except Conflict:
                if not self._made_by(tenant, idempotency, attempt):
                    raise
        except (OutcomeUnknown, Unavailable):
            raise Unavailable("PostgreSQL can't be reached: the outcome of the commit is unknown") from None

    def _made_by(self, tenant: str, idempotency: IdempotencyRecord, attempt: bytes) -> bool:
        found = self._find(tenant, idempotency.principal, idempotency.key)
        return found is not None and found[1] == attempt

    def _find(self, tenant: str, principal: str, key: str) -> tuple[IdempotencyRecord, bytes] | None:
        rows = self._read(tenant, _FIND, principal, _key_hash(key))
        if not rows:
            return None
        request_hash, made, attempt = rows[0]
        return IdempotencyRecord(principal, key, request_hash, tuple((t, i, v) for t, i, v in made)), attempt


def _only(rows: list[tuple[Any, ...]]) -> SealedVersion | None:
    return SealedVersion(*rows[0]) if rows else None


def _key_hash(key: str) -> bytes:
    """Callers may put anything into an Idempotency-Key; the database holds none of it."""
    return hashlib.sha256(key.encode()).digest()


def _of_writes(writes: Sequence[SealedVersion]) -> Arguments:
    return (
        [write.type for write in writes],
        [write.id for write in writes],
        [write.version for write in writes],
        [write.subject for write in writes],
        [write.at for write in writes],
        [write.envelope for write in writes],
    )


def _of_tokens(writes: Sequence[SealedVersion]) -> Arguments:
    """Each resource once: where several versions of it are written, the newest."""
    newest = {(write.type, write.id): write for write in sorted(writes, key=lambda write: write.version)}
    marked = [(number, token) for number, write in enumerate(newest.values(), start=1) for token in write.tokens]
    return (
        [write.type for write in newest.values()],
        [write.id for write in newest.values()],
        [write.patient for write in newest.values()],
        [number for number, _ in marked],
        [token for _, token in marked],
    )


def _of_absent(absent: Sequence[Absent]) -> str | None:
    if not all(each.groups for each in absent):
        raise ValueError("A condition without groups is met by everything")
    conditions = [
        {
            "type": each.type,
            "groups": [[token.hex() for token in group] for group in each.groups],
            "since": each.since,
        }
        for each in absent
    ]
    return json.dumps(conditions) if conditions else None


def _of_references(references: Sequence[tuple[str, str]]) -> Arguments:
    return [reference[0] for reference in references], [reference[1] for reference in references]


def _of_idempotency(record: IdempotencyRecord | None, writes: Sequence[SealedVersion], attempt: bytes) -> Arguments:
    if record is None:
        return (None,) * 5
    made = record.made or tuple((write.type, write.id, write.version) for write in writes)
    return record.principal, _key_hash(record.key), record.request_hash, json.dumps(made), attempt
