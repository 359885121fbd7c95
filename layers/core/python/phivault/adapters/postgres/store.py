"""The resource store on PostgreSQL: one function call, and so one round trip, per read and per commit."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, LiteralString

from phivault.adapters.postgres.connection import Connection
from phivault.adapters.postgres.context import sign
from phivault.adapters.postgres.link import Link, OutcomeUnknown
from phivault.errors import Conflict, Unavailable
from phivault.records.store import IdempotencyRecord, SealedVersion

# %b: binary, so that envelopes don't travel as hexadecimal. The casts give empty and all-NULL arrays their type.
_COLUMNS: LiteralString = "SELECT type, id, version, subject, at, envelope FROM "
_READ = _COLUMNS + "app.read(%b, %b, %b)"
_READ_VERSION = _COLUMNS + "app.read_version(%b, %b, %b, %b::bigint)"
_SEARCH = _COLUMNS + "app.search(%b, %b, %b::text, %t::text[], %b, %b::bigint)"
_FIND: LiteralString = "SELECT request_hash, made, attempt FROM app.find_idempotent(%b, %b, %b)"
_COMMIT: LiteralString = """SELECT app.commit(
  %b, %b::text[], %b::text[], %b::bigint[], %b::text[], %b::timestamptz[], %b::bytea[], %b::text[], %b::text[],
  %b::text, %b::bytea, %b::bytea, %b::jsonb, %b::bytea)"""

type _Arguments = tuple[Any, ...]


class PostgresStore:
    """Fills ``phivault.records.store.ResourceStore``; its connection is made at the first call.

    ``dsn`` is the application role's and names the root certificate. ``context_key`` gives the id and the 32 bytes of
    the key that tenant contexts are signed with (``install_context_key``); it is asked at every call, so that a
    rotation needs no restart. One store per process; threads take turns.
    """

    def __init__(self, dsn: str | Callable[[], str], context_key: Callable[[], tuple[str, bytes]]) -> None:
        self._link = Link(dsn)
        self._context_key = context_key

    def read(self, tenant: str, type: str, id: str) -> SealedVersion | None:
        return _only(self._read(tenant, _READ, type, id))

    def read_version(self, tenant: str, type: str, id: str, version: int) -> SealedVersion | None:
        return _only(self._read(tenant, _READ_VERSION, type, id, version))

    def search(
        self, tenant: str, type: str, *, subject: str | None, ids: Sequence[str] | None, after: str, limit: int
    ) -> list[SealedVersion]:
        among = None if ids is None else list(ids)
        return [SealedVersion(*row) for row in self._read(tenant, _SEARCH, type, subject, among, after, limit)]

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
    ) -> None:
        attempt = os.urandom(16)
        arguments = (*_of_writes(writes), *_of_references(references), *_of_idempotency(idempotency, writes, attempt))
        try:
            self._call(tenant, _COMMIT, arguments, repeatable=False)
        except OutcomeUnknown:
            if idempotency is None:
                raise Unavailable("PostgreSQL dropped the connection: the outcome of the commit is unknown") from None
            self._settle(tenant, arguments, idempotency, attempt)

    def ping(self) -> None:
        """Raises Unavailable unless the database answers."""
        self._link.call("SELECT 1", lambda _: (), repeatable=True)

    def close(self) -> None:
        """Let the connection go; the next call makes another."""
        self._link.close()

    def _settle(self, tenant: str, arguments: _Arguments, idempotency: IdempotencyRecord, attempt: bytes) -> None:
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

    def _read(self, tenant: str, query: LiteralString, *arguments: Any) -> list[tuple[Any, ...]]:
        return self._call(tenant, query, arguments, repeatable=True)

    def _call(
        self, tenant: str, query: LiteralString, arguments: _Arguments, *, repeatable: bool
    ) -> list[tuple[Any, ...]]:
        def parameters(connection: Connection) -> _Arguments:
            key_id, key = self._context_key()
            info = connection.info
            context = sign(key_id, key, tenant=tenant, backend_pid=info.backend_pid, role=info.user)
            return (context, *arguments)

        return self._link.call(query, parameters, repeatable=repeatable)


def _only(rows: list[tuple[Any, ...]]) -> SealedVersion | None:
    return SealedVersion(*rows[0]) if rows else None


def _key_hash(key: str) -> bytes:
    """Callers may put anything into an Idempotency-Key; the database holds none of it."""
    return hashlib.sha256(key.encode()).digest()


def _of_writes(writes: Sequence[SealedVersion]) -> _Arguments:
    return (
        [write.type for write in writes],
        [write.id for write in writes],
        [write.version for write in writes],
        [write.subject for write in writes],
        [write.at for write in writes],
        [write.envelope for write in writes],
    )


def _of_references(references: Sequence[tuple[str, str]]) -> _Arguments:
    return [reference[0] for reference in references], [reference[1] for reference in references]


def _of_idempotency(record: IdempotencyRecord | None, writes: Sequence[SealedVersion], attempt: bytes) -> _Arguments:
    if record is None:
        return (None,) * 5
    made = record.made or tuple((write.type, write.id, write.version) for write in writes)
    return record.principal, _key_hash(record.key), record.request_hash, json.dumps(made), attempt
