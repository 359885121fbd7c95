"""The keys of subjects: made once, kept wrapped, unwrapped when a request needs them and held for minutes.

A cold subject costs one call of the wrapper (one KMS call), a warm one none; only the loser of a race to make a
subject's first key pays a second. A key that was destroyed elsewhere may be used here until the cache lets go of it:
erasure takes effect after that time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from os import urandom
from threading import Lock

from phivault.crypto.expiring_cache import ExpiringCache
from phivault.crypto.subject_key import KEY_BYTES, SubjectKey
from phivault.crypto.subject_key_store import KeyWrapper, StoredKey, SubjectKeyStore
from phivault.errors import Conflict, Gone, IntegrityError, InvalidInput, NotFound, Unavailable

MAX_CACHE_SECONDS = 300
CACHE_SIZE = 1000

# Tenant and subject stand in the clear in CloudTrail and in wrapped keys: opaque ids, nothing like an address.
_TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SUBJECT = re.compile(r"[A-Za-z0-9._/-]{1,128}")
_STRIPES = 64
_AT_ONCE = 16
type Name = tuple[str, str, int]
"""Tenant, subject, version."""


class SubjectKeys:
    """Give the keys to seal and unseal with. Safe to use from several threads; concurrent first uses of a subject
    share one call of the wrapper.

    ``on_create`` hears (tenant, subject, version) of keys before they are kept, so that none exists that nobody heard
    of; what it raises keeps them from being made. The loser of a race to make one was heard of too.
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
        on_create: Callable[[Sequence[Name]], None] | None = None,
    ) -> None:
        if not 0 <= cache_seconds <= MAX_CACHE_SECONDS:
            raise ValueError("Subject keys are cached for 0 to 300 seconds")
        self._store = store
        self._wrapper = wrapper
        self._now = now
        self._on_create = on_create or _heard_by_nobody
        self._keys = ExpiringCache[Name, SubjectKey](seconds=cache_seconds, size=cache_size, now=now)
        self._newest = ExpiringCache[tuple[str, str], int](seconds=cache_seconds, size=cache_size, now=now)
        self._kept = ExpiringCache[Name, bool](seconds=cache_seconds, size=cache_size, now=now)
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

    def warm(self, tenant: str, subjects: Iterable[str]) -> None:
        """Fetch the newest keys of these subjects that aren't cached, 16 at a time: one call of the wrapper for each
        cold subject at most, and none is made for a subject that has no key.

        A key that is destroyed or doesn't unwrap is left for whoever opens with it to find. Unavailable; InvalidInput
        for ids that aren't opaque.
        """
        cold = [subject for subject in dict.fromkeys(subjects) if self._is_cold(tenant, subject)]
        self._at_once(lambda subject: self._warm_newest(tenant, subject), cold)

    def warm_versions(self, tenant: str, wanted: Iterable[tuple[str, int]]) -> None:
        """The same for keys of known versions (subject, ``key_version``): what a page of envelopes opens with. While a
        subject's rows are sealed again they are of two versions."""
        cold = [key for key in dict.fromkeys(wanted) if self._keys.get((tenant, *key)) is None]
        self._at_once(lambda key: self._warm_version(tenant, *key), cold)

    def prepare(self, tenant: str, subjects: Iterable[str]) -> None:
        """As ``warm``, but a subject that never had a key is given its first, 16 at a time. All that are made are heard
        of at once, after they were wrapped and before any is kept."""
        cold = [subject for subject in dict.fromkeys(subjects) if self._is_cold(tenant, subject)]
        since = self._now()
        made: list[tuple[SubjectKey, bytes]] = []  # appending is safe from several threads
        self._at_once(lambda subject: made.extend(self._fetched_or_wrapped(tenant, subject)), cold)
        if made:
            self._on_create([(tenant, key.subject, key.version) for key, _ in made])
        self._at_once(lambda one: self._create(*one, since), made)

    def for_keeping(self, tenant: str, subject: str) -> SubjectKey:
        """As ``for_sealing``, for what stands where no rotation finds it to seal it again: this version of the key is
        noted as kept, and goes only when the subject is erased."""
        key = self.for_sealing(tenant, subject)
        name = (tenant, subject, key.version)
        if self._kept.get(name) is None:
            self._store.keep(*name)
            self._kept.put(name, True, self._now())
        return key

    def rotate(self, tenant: str, subject: str, heard: Callable[[int], None]) -> SubjectKey:
        """Give the subject its next key, which seals from now on: here at once, elsewhere when the caches let go of the
        one before. ``heard`` hears the version before it is kept; what it raises keeps it from being made. Where
        another rotation comes first, its key is answered.

        NotFound where the subject never had a key, Gone where it was destroyed. IntegrityError, Unavailable;
        InvalidInput for ids that aren't opaque.
        """
        _check_ids(tenant, subject)
        with self._stripe(tenant, subject):
            since = self._now()
            newest = self._store.newest(tenant, subject)
            if newest is None:
                raise NotFound("The subject has no key")
            if newest.wrapped is None:
                raise Gone("The subject's key was destroyed")
            self._newest.drop((tenant, subject))
            return self._make(tenant, subject, newest.version + 1, since, heard)

    def retire(self, tenant: str, subject: str, version: int) -> None:
        """Note that nothing is sealed under this version any more. It opens still: what is restored from a backup may
        need it. May be repeated. Conflict for the newest version, which seals. Unavailable; InvalidInput."""
        self._older(tenant, subject, version)
        self._store.retire(tenant, subject, version, self._now())

    def destroy_version(self, tenant: str, subject: str, version: int) -> None:
        """Destroy one older version for good; as ``destroy`` says of others' caches. Conflict for the newest version.
        Unavailable; InvalidInput."""
        self._older(tenant, subject, version)
        with self._stripe(tenant, subject):
            self._store.destroy(tenant, subject, version)
            self._keys.drop((tenant, subject, version))

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

    def _is_cold(self, tenant: str, subject: str) -> bool:
        _check_ids(tenant, subject)
        return self._cached_newest(tenant, subject) is None

    def _warm_newest(self, tenant: str, subject: str) -> None:
        with suppress(Gone, IntegrityError), self._stripe(tenant, subject):
            self._fetch_newest(tenant, subject)

    def _fetched_or_wrapped(self, tenant: str, subject: str) -> list[tuple[SubjectKey, bytes]]:
        """Nothing where the subject has a key, which is cached then; else its first one, with its wrapped form."""
        with suppress(Gone, IntegrityError), self._stripe(tenant, subject):
            if not self._fetch_newest(tenant, subject):
                return [self._wrapped(tenant, subject, 1)]
        return []

    def _fetch_newest(self, tenant: str, subject: str) -> bool:
        """Whether there is one."""
        if self._cached_newest(tenant, subject) is not None:
            return True
        since = self._now()
        stored = self._store.newest(tenant, subject)
        if stored is not None:
            self._keep_newest(tenant, subject, stored, since)
        return stored is not None

    def _warm_version(self, tenant: str, subject: str, version: int) -> None:
        with suppress(Gone, IntegrityError):
            self.for_unsealing(tenant, subject, version)

    def _at_once[T](self, fetch: Callable[[T], object], cold: Sequence[T]) -> None:
        if len(cold) < 2:
            for one in cold:
                fetch(one)
            return
        with ThreadPoolExecutor(min(_AT_ONCE, len(cold))) as pool:
            for _ in pool.map(fetch, cold):
                pass

    def _cached_newest(self, tenant: str, subject: str) -> SubjectKey | None:
        version = self._newest.get((tenant, subject))
        return None if version is None else self._keys.get((tenant, subject, version))

    def _load_newest(self, tenant: str, subject: str) -> SubjectKey:
        # The time before the store is read: a key destroyed while it is being unwrapped lives no longer either.
        since = self._now()
        stored = self._store.newest(tenant, subject)
        if stored is not None:
            return self._keep_newest(tenant, subject, stored, since)
        return self._make(tenant, subject, 1, since, lambda version: self._on_create([(tenant, subject, version)]))

    def _keep_newest(self, tenant: str, subject: str, stored: StoredKey, since: float) -> SubjectKey:
        key = self._keys.get((tenant, subject, stored.version)) or self._unwrap(tenant, subject, stored, since)
        self._newest.put((tenant, subject), key.version, since)
        return key

    def _load(self, tenant: str, subject: str, version: int) -> SubjectKey:
        since = self._now()
        stored = self._store.read(tenant, subject, version)
        if stored is None:
            raise IntegrityError("The subject key that sealed this is missing")
        return self._unwrap(tenant, subject, stored, since)

    def _make(self, tenant: str, subject: str, version: int, since: float, heard: Callable[[int], None]) -> SubjectKey:
        made, wrapped = self._wrapped(tenant, subject, version)
        heard(version)
        return self._create(made, wrapped, since)

    def _wrapped(self, tenant: str, subject: str, version: int) -> tuple[SubjectKey, bytes]:
        made = SubjectKey(tenant, subject, version, urandom(KEY_BYTES))
        return made, self._wrapper.wrap(tenant, subject, made.material)

    def _create(self, made: SubjectKey, wrapped: bytes, since: float) -> SubjectKey:
        tenant, subject = made.tenant, made.subject
        if self._store.create(tenant, subject, made.version, wrapped, self._now()):
            self._newest.put((tenant, subject), made.version, since)
            return self._keep(made, since)
        winner = self._store.newest(tenant, subject)
        if winner is None:
            raise Unavailable("The subject key changes at this moment")
        return self._keep_newest(tenant, subject, winner, since)

    def _older(self, tenant: str, subject: str, version: int) -> None:
        _check_ids(tenant, subject)
        newest = self._store.newest(tenant, subject)
        if newest is None or version >= newest.version:
            raise Conflict("Only a version before the newest one may be retired or destroyed by itself")

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


def _heard_by_nobody(_: Sequence[Name]) -> None:
    """Who doesn't listen."""


def _check_ids(tenant: str, subject: str) -> None:
    if not _TENANT.fullmatch(tenant) or not _SUBJECT.fullmatch(subject):
        raise InvalidInput("A subject key belongs to an opaque tenant and subject id")
