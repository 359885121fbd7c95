"""Rotation over the stores in memory of a World of records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from time import monotonic

from phivault.crypto.envelope import read_header
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import IntegrityError, Unavailable
from phivault.records.store import SealedVersion
from phivault.rotation.service import Rotation
from phivault.rotation.slices import Slice
from tests.support.records_fakes import MemoryResources, World

HOUR = 3600


def key_version(sealed: SealedVersion) -> int:
    try:
        return read_header(sealed.envelope or b"").key_version
    except IntegrityError:
        return 0


class MemorySealedRows:
    """SealedRows over MemoryResources. ``before_reseal`` runs once before rows are put, as another writer would;
    ``fail`` refuses the next puts that often, after they are durable where ``lose`` is set."""

    def __init__(self, store: MemoryResources) -> None:
        self._store = store
        self.before_reseal: Callable[[], None] | None = None
        self.fail = 0
        self.lose = False

    def rows(self, tenant: str) -> list[SealedVersion]:
        every = [row for (owner, *_), versions in self._store.versions.items() if owner == tenant for row in versions]
        return sorted((row for row in every if row.envelope is not None), key=_place)

    def subjects(self, tenant: str, after: str, limit: int) -> list[str]:
        return sorted({row.subject for row in self.rows(tenant) if row.subject > after})[:limit]

    def key_versions(self, tenant: str, subjects: Sequence[str]) -> dict[str, dict[int, int]]:
        found: dict[str, dict[int, int]] = {}
        for row in self.rows(tenant):
            if row.subject in subjects:
                counts = found.setdefault(row.subject, {})
                counts[key_version(row)] = counts.get(key_version(row), 0) + 1
        return found

    def sealed_below(
        self, tenant: str, subject: str, below: int, *, after: tuple[str, str, int], limit: int, room: int
    ) -> list[SealedVersion]:
        older = [row for row in self.rows(tenant) if row.subject == subject and key_version(row) < below]
        found: list[SealedVersion] = []
        size = 0
        for row in (row for row in older if _place(row) > after):
            if len(found) == limit or (found and size >= room):
                break
            found.append(row)
            size += len(row.envelope or b"")
        return found

    def tokens_of(self, tenant: str, subject: str) -> int:
        return sum(len(self._store.tokens[place][1]) for place in self._owned(tenant, subject))

    def forget_tokens(self, tenant: str, subject: str) -> int:
        if self.fail:
            self.fail -= 1
            raise Unavailable("A resource is locked by another commit")
        return sum(len(self._store.tokens.pop(place)[1]) for place in self._owned(tenant, subject))

    def _owned(self, tenant: str, subject: str) -> list[tuple[str, str, str]]:
        places = [place for place in self._store.tokens if place[0] == tenant]
        return [place for place in places if self._store.versions[place][-1].subject == subject]

    def reseal(self, tenant: str, pairs: Sequence[tuple[SealedVersion, SealedVersion]]) -> int:
        if self.before_reseal is not None:
            other, self.before_reseal = self.before_reseal, None
            other()
        if self.fail and not self.lose:
            self.fail -= 1
            raise Unavailable("A resource is locked by another commit")
        put = sum(self._put(tenant, old, new) for old, new in pairs)
        if self.fail:
            self.fail -= 1
            raise Unavailable("The answer was lost")
        return put

    def _put(self, tenant: str, old: SealedVersion, new: SealedVersion) -> bool:
        versions = self._store.versions[tenant, new.type, new.id]
        held = versions[new.version - 1]
        same = sha256(held.envelope or b"").digest() == sha256(old.envelope or b"").digest()
        if not same or key_version(held) >= key_version(new):
            return False
        versions[new.version - 1] = replace(new, patient="", tokens=frozenset())
        if new.version == len(versions):
            self._store.tokens[tenant, new.type, new.id] = (new.patient, new.tokens)
        return True


class States:
    """A KeyService."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}

    def state(self, key: str) -> str:
        return self.states.get(key, "Enabled")


@dataclass(slots=True)
class Turning:
    """Rotation of a World's keys, with a clock of its own. Its process holds keys of its own."""

    world: World
    at: float = 1_800_000_000.0
    rows: MemorySealedRows = field(init=False)
    rotation: Rotation = field(init=False)

    def __post_init__(self) -> None:
        self.rows = MemorySealedRows(self.world.store)
        self.rotation = Rotation(
            keys=SubjectKeys(self.world.key_store, self.world.wrapper, now=lambda: self.at),
            store=self.world.key_store,
            wrapper=self.world.wrapper,
            rows=self.rows,
            recorder=self.world.records.recorder,
            service=States(),
            former=(),
            cache_seconds=300,
            recovery_days=35,
            now=lambda: self.at,
        )

    def slice(self, tenant: str = "north", subject: str = "", after: str = "", seconds: float = 60) -> Slice:
        return Slice(tenant, subject, "operator-1", after, monotonic() + seconds)

    def all(self, action: Callable[[Rotation, Slice], None], tenant: str = "north", subject: str = "") -> Slice:
        """One slice that has all the time it needs."""
        work = self.slice(tenant, subject)
        action(self.rotation, work)
        assert not work.more
        return work


def _place(row: SealedVersion) -> tuple[str, str, int]:
    return row.type, row.id, row.version
