"""Fakes of the subject keys' ports. They keep the contract; tests/contract/subject_keys asks the store the same
questions as DynamoDB."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from threading import Lock

from phivault.crypto.subject_key_store import StoredKey, Subject
from phivault.errors import IntegrityError, Unavailable


class MemoryStore:
    """A SubjectKeyStore. ``before_create`` runs between the caller's read and its write; ``lose_answer`` makes a
    write durable and then fails."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[int, bytes | None]] = {}
        self.made: dict[tuple[str, str, int], float | None] = {}
        self.retired: dict[tuple[str, str, int], float] = {}
        self.kept: set[tuple[str, str, int]] = set()
        self.before_create: Callable[[], None] | None = None
        self.lose_answer = False
        self.down = False
        self.reads = 0
        self._lock = Lock()

    def newest(self, tenant: str, subject: str) -> StoredKey | None:
        self._answer()
        with self._lock:
            versions = self.rows.get((tenant, subject))
            return StoredKey(max(versions), versions[max(versions)]) if versions else None

    def read(self, tenant: str, subject: str, version: int) -> StoredKey | None:
        self._answer()
        with self._lock:
            versions = self.rows.get((tenant, subject), {})
            return StoredKey(version, versions[version]) if version in versions else None

    def versions(self, tenant: str, subject: str) -> list[StoredKey]:
        self._answer()
        with self._lock:
            return self._of(tenant, subject)

    def page(self, after: str, limit: int) -> tuple[list[Subject], str]:
        self._answer()
        with self._lock:
            names = sorted(self.rows)
            begin = int(after or 0)
            here = names[begin : begin + limit]
            end = begin + len(here)
            return [Subject(*name, tuple(self._of(*name))) for name in here], str(end) if end < len(names) else ""

    def _of(self, tenant: str, subject: str) -> list[StoredKey]:
        rows = self.rows.get((tenant, subject), {})
        return [
            StoredKey(
                version,
                wrapped,
                self.made.get((tenant, subject, version)),
                self.retired.get((tenant, subject, version)),
                (tenant, subject, version) in self.kept,
            )
            for version, wrapped in sorted(rows.items())
        ]

    def keep(self, tenant: str, subject: str, version: int) -> None:
        self._answer()
        self.kept.add((tenant, subject, version))

    def retire(self, tenant: str, subject: str, version: int, at: float) -> None:
        self._answer()
        if self.rows.get((tenant, subject), {}).get(version) is not None:
            self.retired.setdefault((tenant, subject, version), at)

    def replace(self, tenant: str, subject: str, version: int, before: bytes, after: bytes) -> bool:
        self._answer()
        with self._lock:
            rows = self.rows.get((tenant, subject), {})
            if rows.get(version) != before:
                return False
            rows[version] = after
            return True

    def create(self, tenant: str, subject: str, version: int, wrapped: bytes, made_at: float | None = None) -> bool:
        if self.down:
            raise Unavailable("The store is down")
        if self.before_create:
            step, self.before_create = self.before_create, None
            step()
        with self._lock:
            versions = self.rows.setdefault((tenant, subject), {})
            if version in versions:
                return False
            versions[version] = wrapped
            self.made[tenant, subject, version] = made_at
        if self.lose_answer:
            raise Unavailable("The answer was lost")
        return True

    def destroy(self, tenant: str, subject: str, version: int) -> None:
        versions = self.rows.get((tenant, subject), {})
        if version in versions:
            versions[version] = None

    def _answer(self) -> None:
        self.reads += 1
        if self.down:
            raise Unavailable("The store is down")


class MemoryWrapper:
    """A KeyWrapper whose mask depends on tenant and subject; ``calls`` counts what a key service would."""

    def __init__(self, current: str = "kms-1") -> None:
        self.current = current
        self.calls: list[str] = []
        self.down = False

    def wrapped_by(self, wrapped: bytes) -> str:
        return self.current

    def wrap(self, tenant: str, subject: str, material: bytes) -> bytes:
        self._call("wrap")
        mask, check = self._mask(tenant, subject)
        return check + bytes(a ^ b for a, b in zip(material, mask, strict=True))

    def unwrap(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        self._call("unwrap")
        mask, check = self._mask(tenant, subject)
        if wrapped[:32] != check:
            raise IntegrityError("A wrapped key belongs to another subject")
        return bytes(a ^ b for a, b in zip(wrapped[32:], mask, strict=False))

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.down:
            raise Unavailable("The key service is down")

    @staticmethod
    def _mask(tenant: str, subject: str) -> tuple[bytes, bytes]:
        digest = hashlib.sha512(f"{tenant}\0{subject}".encode()).digest()
        return digest[:32], digest[32:]
