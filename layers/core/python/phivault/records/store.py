"""Where sealed resources are kept: the port that the PostgreSQL adapter fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SealedVersion:
    """One version of one resource. ``envelope`` is None where this version is a deletion."""

    type: str
    id: str
    version: int
    subject: str
    at: datetime
    envelope: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """What a repeated Idempotency-Key finds: the hash of the first request and the versions it made, in order."""

    principal: str
    key: str
    request_hash: bytes
    made: tuple[tuple[str, str, int], ...] = ()


class ResourceStore(Protocol):
    """Obligations: every call is confined to ``tenant`` by row-level security under a signed context and costs
    one round trip. A read sees every committed write. Unavailable is raised when the database can't be reached
    or doesn't answer in time; no other driver error escapes."""

    def read(self, tenant: str, type: str, id: str) -> SealedVersion | None:
        """The newest version, a deletion included; None where the id was never used in this tenant."""

    def read_version(self, tenant: str, type: str, id: str, version: int) -> SealedVersion | None:
        """One version from the history."""

    def search(
        self, tenant: str, type: str, *, subject: str | None, ids: Sequence[str] | None, after: str, limit: int
    ) -> list[SealedVersion]:
        """Newest versions that aren't deletions, ordered by id, ids greater than ``after``, at most ``limit``."""

    def find_idempotent(self, tenant: str, principal: str, key: str) -> IdempotencyRecord | None:
        """The record that an earlier commit left under this key."""

    def commit(
        self,
        tenant: str,
        writes: Sequence[SealedVersion],
        *,
        references: Sequence[tuple[str, str]],
        idempotency: IdempotencyRecord | None,
    ) -> None:
        """Write all versions, their history and the idempotency record, or nothing, durably once it returns.

        A version must be exactly one above the newest (1 for a new id), else Conflict; a subject that differs
        from the newest version's is Unprocessable. Each (type, id) of ``references`` must exist undeleted in
        this tenant or among ``writes``, else Unprocessable naming its type alone; a row referred to can't be
        deleted while the transaction runs. An idempotency key that another commit took meanwhile is Conflict.
        No lock is waited for longer than 2 s.
        """
