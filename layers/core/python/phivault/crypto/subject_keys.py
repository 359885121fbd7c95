"""The keys of subjects: made once, kept wrapped, unwrapped when a request needs them and held for minutes.

A cold subject costs one call of the wrapper (one KMS call), a warm one none; only the loser of a race to make a
subject's first key pays a second. A key that was destroyed elsewhere may be used here until the cache lets go of it:
erasure takes effect after that time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from os import urandom
from threading import Lock
from typing import Protocol

from phivault.crypto.expiring_cache import ExpiringCache
from phivault.crypto.subject_key import KEY_BYTES, SubjectKey
from phivault.errors import Gone, IntegrityError, InvalidInput, NotFound, Unavailable

MAX_CACHE_SECONDS = 300
CACHE_SIZE = 1000

# Tenant and subject stand in the clear in CloudTrail and in wrapped keys: opaque ids, nothing like an address.
_TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SUBJECT = re.compile(r"[A-Za-z0-9._/-]{1,128}")
_STRIPES = 64


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row of the store. ``wrapped`` is None where the key was destroyed: the row is then its tombstone."""

    version: int
    wrapped: bytes | None = field(repr=False)


class SubjectKeyStore(Protocol):
    """Obligations: reads see every write that returned. Rows are never changed but into tombstones, and those stay
    for good. Unavailable is raised when the store can't answer in time; no other error of its driver escapes."""

    def newest(self, tenant: str, subject: str) -> StoredKey | None:
        """The row with the highest version; None where the subject never had a key."""

    def read(self, tenant: str, subject: str, version: int) -> StoredKey | None:
        """The row of one version."""

    def create(self, tenant: str, subject: str, version: int, wrapped: bytes) -> bool:
        """Write a row, durably once this returns True; False, and nothing written, where one stands, tombstone or
        not. After an unknown outcome a repeat may give False for the caller's own row."""

    def destroy(self, tenant: str, subject: str, version: int) -> None:
        """Turn a row into its tombstone, durably; one that is a tombstone already, or absent, is no error."""


class KeyWrapper(Protocol):
    """Obligations: one call to the key service each; what is wrapped for one tenant and subject unwraps for no
    other. IntegrityError where it doesn't unwrap; Unavailable where the service refuses or doesn't answer in time.
    Neither carries key bytes."""

    def wrap(self, tenant: str, subject: str, material: bytes) -> bytes:
        """Wrap 32 bytes."""

    def unwrap(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        """The 32 bytes."""


class SubjectKeys:
    """Give the keys to seal and unseal with. Safe to use from several threads; concurrent first uses of a subject
    share one call of the wrapper.

    ``on_create`` hears tenant, subject and version of a key before it is kept, so that none exists that nobody heard
    of; what it raises keeps the key from being made. The loser of a race to make one was heard of too.
    """

    def __init__(
        self,
        store: SubjectKeyStore,
        wrapper: KeyWrapper,
        *,
        cache_seconds: float = MAX_CACHE_SECONDS,
        cache_size: int = CACHE_SIZE,
        # The wall clock: a monotonic one stands still while an execution environment is frozen, and keys would
        # outlive the time after which erasure is stated to be effective.
        now: Callable[[], float] = time.time,
        on_create: Callable[[str, str, int], None] | None = None,
    ) -> None:
        if not 0 <= cache_seconds <= MAX_CACHE_SECONDS:
            raise ValueError("Subject keys are cached for 0 to 300 seconds")
        self._store = store
        self._wrapper = wrapper
        self._now = now
        self._on_create = on_create
        self._keys = ExpiringCache[tuple[str, str, int], SubjectKey](seconds=cache_seconds, size=cache_size, now=now)
        self._newest = ExpiringCache[tuple[str, str], int](seconds=cache_seconds, size=cache_size, now=now)
        self._stripes = [Lock() for _ in range(_STRIPES)]

    def for_sealing(self, tenant: str, subject: str) -> SubjectKey:
        """The subject's newest key, made now if it has none. Gone if it was destroyed: a subject that was erased
        gets no new one. IntegrityError, Unavailable; InvalidInput for ids that aren't opaque."""
        _check_ids(tenant, subject)
        key = self._cached_newest(tenant, subject)
        if key is None:
            with self._stripe(tenant, subject):
                key = self._cached_newest(tenant, subject) or self._load_newest(tenant, subject)
        return key

    def for_unsealing(self, tenant: str, subject: str, version: int) -> SubjectKey:
        """The key of an envelope's ``key_version``. Gone if it was destroyed; IntegrityError if there is no such
        row (destroying leaves a tombstone, so the store lost it or the envelope lies). Unavailable; InvalidInput
        for ids that aren't opaque."""
        _check_ids(tenant, subject)
        key = self._keys.get((tenant, subject, version))
        if key is None:
            with self._stripe(tenant, subject):
                key = self._keys.get((tenant, subject, version)) or self._load(tenant, subject, version)
        return key

    def destroy(self, tenant: str, subject: str) -> int:
        """Destroy every version of the subject's key for good: what it sealed opens no more, and it gets no new one.

        The newest version, which stays as its tombstone. Other processes may hold a key until their caches let go
        of it, ``MAX_CACHE_SECONDS`` at most. May be repeated. NotFound where the subject never had a key;
        Unavailable, after which some versions may be left; InvalidInput for ids that aren't opaque.
        """
        _check_ids(tenant, subject)
        with self._stripe(tenant, subject):
            newest = self._store.newest(tenant, subject)
            if newest is None:
                raise NotFound("The subject has no key")
            # The newest first: from then on nothing new is sealed, whatever happens to the others.
            for version in range(newest.version, 0, -1):
                self._store.destroy(tenant, subject, version)
                self._keys.drop((tenant, subject, version))
            self._newest.drop((tenant, subject))
        return newest.version

    def is_destroyed(self, tenant: str, subject: str) -> bool:
        """Whether nothing is left of the subject's key but tombstones; False where it never had one. Unavailable;
        InvalidInput for ids that aren't opaque."""
        _check_ids(tenant, subject)
        newest = self._store.newest(tenant, subject)
        if newest is None or newest.wrapped is not None:
            return False
        older = (self._store.read(tenant, subject, version) for version in range(1, newest.version))
        return all(row is None or row.wrapped is None for row in older)

    def _cached_newest(self, tenant: str, subject: str) -> SubjectKey | None:
        version = self._newest.get((tenant, subject))
        return None if version is None else self._keys.get((tenant, subject, version))

    def _load_newest(self, tenant: str, subject: str) -> SubjectKey:
        # The time before the store is read: a key destroyed while it is being unwrapped lives no longer either.
        since = self._now()
        stored = self._store.newest(tenant, subject)
        if stored is None:
            key = self._create(tenant, subject, since)
        else:
            key = self._keys.get((tenant, subject, stored.version)) or self._unwrap(tenant, subject, stored, since)
        self._newest.put((tenant, subject), key.version, since)
        return key

    def _load(self, tenant: str, subject: str, version: int) -> SubjectKey:
        since = self._now()
        stored = self._store.read(tenant, subject, version)
        if stored is None:
            raise IntegrityError("The subject key that sealed this is missing")
        return self._unwrap(tenant, subject, stored, since)

    def _create(self, tenant: str, subject: str, since: float) -> SubjectKey:
        material = urandom(KEY_BYTES)
        wrapped = self._wrapper.wrap(tenant, subject, material)
        if self._on_create is not None:
            self._on_create(tenant, subject, 1)
        if self._store.create(tenant, subject, 1, wrapped):
            return self._keep(SubjectKey(tenant, subject, 1, material), since)
        winner = self._store.newest(tenant, subject)
        if winner is None:
            raise Unavailable("The subject key changes at this moment")
        return self._unwrap(tenant, subject, winner, since)

    def _unwrap(self, tenant: str, subject: str, stored: StoredKey, since: float) -> SubjectKey:
        if stored.wrapped is None:
            raise Gone("The subject's key was destroyed")
        material = self._wrapper.unwrap(tenant, subject, stored.wrapped)
        if len(material) != KEY_BYTES:
            raise IntegrityError("A wrapped subject key doesn't hold 32 bytes")
        return self._keep(SubjectKey(tenant, subject, stored.version, material), since)

    def _keep(self, key: SubjectKey, since: float) -> SubjectKey:
        self._keys.put((key.tenant, key.subject, key.version), key, since)
        return key

    def _stripe(self, tenant: str, subject: str) -> Lock:
        return self._stripes[hash((tenant, subject)) % _STRIPES]


def _check_ids(tenant: str, subject: str) -> None:
    if not _TENANT.fullmatch(tenant) or not _SUBJECT.fullmatch(subject):
        raise InvalidInput("A subject key belongs to an opaque tenant and subject id")
