"""Where wrapped subject keys are kept and what wraps them: the ports that SubjectKeys stands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row of the store. ``wrapped`` is None where the key was destroyed: the row is then its tombstone.

    ``made_at`` and ``retired_at`` are in Unix seconds, None where the former isn't known and the latter didn't happen.
    ``kept`` says that something was sealed under it that nobody can seal again. Only ``versions`` and ``page`` tell
    these three."""

    version: int
    wrapped: bytes | None = field(repr=False)
    made_at: float | None = None
    retired_at: float | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject and all its keys, the oldest first."""

    tenant: str
    subject: str
    keys: tuple[StoredKey, ...]


class SubjectKeyStore(Protocol):
    """Obligations: reads see every write that returned. Rows are never changed but into tombstones, which stay for
    good, by ``retire``, and by ``replace``. Unavailable is raised when the store can't answer in time; no other error
    of its driver escapes."""

    def newest(self, tenant: str, subject: str) -> StoredKey | None:
        """The row with the highest version; None where the subject never had a key."""

    def read(self, tenant: str, subject: str, version: int) -> StoredKey | None:
        """The row of one version."""

    def versions(self, tenant: str, subject: str) -> list[StoredKey]:
        """Every row of the subject, the oldest first."""

    def page(self, after: str, limit: int) -> tuple[list[Subject], str]:
        """Subjects of every tenant in an order of the store's own, about ``limit`` rows of them, and the place to go on
        from, "" at the end. ``after`` is such a place, "" to begin. Who is being written meanwhile may come or not."""

    def create(self, tenant: str, subject: str, version: int, wrapped: bytes, made_at: float | None = None) -> bool:
        """Write a row, durably once this returns True; False, and nothing written, where one stands, tombstone or
        not. After an unknown outcome a repeat may give False for the caller's own row."""

    def keep(self, tenant: str, subject: str, version: int) -> None:
        """Note, durably, that something is sealed under this version that nobody can seal again. May be repeated."""

    def retire(self, tenant: str, subject: str, version: int, at: float) -> None:
        """Note when a key that still stands was retired; the first time holds."""

    def replace(self, tenant: str, subject: str, version: int, before: bytes, after: bytes) -> bool:
        """Keep the same key wrapped as ``after``. False, and nothing written, where it isn't wrapped as ``before``."""

    def destroy(self, tenant: str, subject: str, version: int) -> None:
        """Turn a row into its tombstone, durably; one that is a tombstone already, or absent, is no error."""


class KeyWrapper(Protocol):
    """Obligations: one call to the key service each; what is wrapped for one tenant and subject unwraps for no
    other. IntegrityError where it doesn't unwrap; Unavailable where the service refuses or doesn't answer in time.
    Neither carries key bytes. ``current`` names the key of the service that wraps."""

    current: str

    def wrapped_by(self, wrapped: bytes) -> str:
        """The name of the service's key that it says it is wrapped by, without a call; IntegrityError where it can't
        be read."""

    def wrap(self, tenant: str, subject: str, material: bytes) -> bytes:
        """Wrap 32 bytes."""

    def unwrap(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        """The 32 bytes."""
