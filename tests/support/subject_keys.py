"""Fakes of the subject keys' ports. They keep the contract; tests/contract/subject_keys asks the store the same
questions as DynamoDB."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from threading import Lock

from phivault.crypto.subject_keys import StoredKey
from phivault.errors import IntegrityError, Unavailable


class MemoryStore:
    """A SubjectKeyStore. ``before_create`` runs between the caller's read and its write; ``lose_answer`` makes a
    write durable and then fails."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[int, bytes | None]] = {}
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

    def create(self, tenant: str, subject: str, version: int, wrapped: bytes) -> bool:
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

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.down = False

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
