"""The index, made to hold every event that the log holds; and what was staged, cleared away once it does."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from typing import Protocol

from phivault.audit.log.note import VerifierKey
from phivault.audit.log.store import EventObjects
from phivault.audit.seal.accept import Accepted, Named, accept, named
from phivault.audit.seal.publish import withdraw
from phivault.audit.seal.staged import Staged, size_of
from phivault.audit.seal.standing import At
from phivault.audit.seal.store import IndexRows, SealStore
from phivault.audit.store import RecordedEvent
from phivault.errors import IntegrityError, NotFound, Unavailable

_log = logging.getLogger(__name__)


class Storage(SealStore, EventObjects, Protocol):
    """Both buckets."""


class Healing:
    """``_healed`` are the checkpoints whose events this process has seen in the index, and which are still staged."""

    def __init__(self, storage: Storage, index: IndexRows) -> None:
        self._storage, self._index = storage, index
        self._healed: set[str] = set()
        self._cleared = ""

    def heal(self, at: At, added: Sequence[Accepted], key: VerifierKey, pool: Executor) -> int:
        """Rows written for ``added``, which the checkpoint ``at`` brought, and for what another process may have left
        undone. An index that is down is told, and healed by a later pass: what is staged stays until then."""
        written = 0
        try:
            if at.name not in self._healed:
                written += self._index.heal(events_of(added or self._read(at.staged.objects, pool)))
                self._healed.add(at.name)
            if at.name != self._cleared:
                for name in self._storage.staged_names():
                    written += self._clear(name, at.checkpoint.size, key, pool)
                self._cleared = at.name
        except Unavailable as error:
            _log.warning("audit index not healed: %s", error.detail)
        return written

    def _clear(self, name: str, size: int, key: VerifierKey, pool: Executor) -> int:
        """A smaller tree's is superseded, committed or not. A larger one's may be about to be committed."""
        old = size_of(name)
        if old is None or old >= size:
            return 0
        written = 0 if name in self._healed else self._heal_superseded(name, key, pool)
        withdraw(self._storage, old, size)
        self._storage.unstage(name)
        self._healed.discard(name)
        return written

    def _heal_superseded(self, name: str, key: VerifierKey, pool: Executor) -> int:
        try:
            keys = Staged.decode(self._storage.staged(name), name, key).objects
            return self._index.heal(events_of(self._read(keys, pool)))
        except NotFound:
            return 0  # another sealer cleared it away
        except IntegrityError as error:
            _log.error("a superseded checkpoint's events can't be healed: %s (%s)", name, error.detail)
            return 0

    def _read(self, keys: Sequence[str], pool: Executor) -> Iterable[Accepted]:
        names = [name for name in map(named, keys) if name is not None]
        return pool.map(self._accepted, names)

    def _accepted(self, name: Named) -> Accepted:
        return accept(name, self._storage.get(name.key))


def events_of(objects: Iterable[Accepted]) -> list[RecordedEvent]:
    """The events of sealed objects, as the index has them. A writer's genesis is nobody's."""
    return [
        RecordedEvent(line, each.name.key, position)
        for each in objects
        for position, line in enumerate(each.lines)
        if each.name.sequence + position > 0
    ]
