"""The index, made to hold every event that the log holds; and what was staged, cleared away once it does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import Final, Protocol

from phivault.audit.log.note import VerifierKey
from phivault.audit.log.store import EventObjects
from phivault.audit.seal.accept import Accepted, accept, named
from phivault.audit.seal.publish import withdraw
from phivault.audit.seal.staged import Staged, size_of
from phivault.audit.seal.standing import At
from phivault.audit.seal.store import IndexRows, SealStore
from phivault.audit.store import RecordedEvent
from phivault.errors import IntegrityError, NotFound, Unavailable

MAX_SECONDS: Final = 30.0
_LOT: Final = 256
_log = logging.getLogger(__name__)


class Storage(SealStore, EventObjects, Protocol):
    """Both buckets."""


class Healing:
    """``_healed`` are the checkpoints whose events this process has seen in the index, and which are still staged;
    ``_reached`` is how many of its objects that is where the time was up before the last."""

    def __init__(self, storage: Storage, index: IndexRows, clock: Callable[[], float] = time.monotonic) -> None:
        self._storage, self._index, self._clock = storage, index, clock
        self._healed: set[str] = set()
        self._reached: dict[str, int] = {}
        self._cleared = ""
        self._until = 0.0

    def heal(self, at: At, added: Sequence[Accepted], key: VerifierKey, pool: Executor) -> int:
        """Rows written for ``added``, which the checkpoint ``at`` brought, and for what another process may have left
        undone. An index that is down is told, and healed by a later pass, as is what half a minute isn't enough
        for: what is staged stays until then."""
        self._until, written = self._clock() + MAX_SECONDS, 0
        try:
            if at.name not in self._healed:
                written += self._heal(at.name, added or at.staged.objects, pool)
            if at.name != self._cleared:
                written += self._clear_all(at, key, pool)
        except Unavailable as error:
            _log.warning("audit index not healed: %s", error.detail)
        return written

    def _clear_all(self, at: At, key: VerifierKey, pool: Executor) -> int:
        names, written = self._storage.staged_names(), 0
        self._reached = {name: reached for name, reached in self._reached.items() if name in names}
        for name in names:
            if self._is_late():
                break
            written += self._clear(name, at.checkpoint.size, key, pool)
        if not self._is_late():
            self._cleared = at.name
        return written

    def _is_late(self) -> bool:
        return self._clock() >= self._until

    def _heal(self, name: str, objects: Sequence[Accepted | str], pool: Executor) -> int:
        """What the checkpoint of that name brought, or as much of it as there is time for."""
        written, reached = 0, self._reached.get(name, 0)
        while reached < len(objects):
            if self._is_late():
                self._reached[name] = reached
                return written
            written += self._index.heal(events_of(pool.map(self._accepted, objects[reached : reached + _LOT])))
            reached += _LOT
        self._reached.pop(name, None)
        self._healed.add(name)
        return written

    def _clear(self, name: str, size: int, key: VerifierKey, pool: Executor) -> int:
        """A smaller tree's is superseded, committed or not. A larger one's may be about to be committed."""
        old = size_of(name)
        if old is None or old >= size:
            return 0
        written = 0 if name in self._healed else self._heal_superseded(name, key, pool)
        if name in self._reached:
            return written
        withdraw(self._storage, old, size)
        self._storage.unstage(name)
        self._healed.discard(name)
        return written

    def _heal_superseded(self, name: str, key: VerifierKey, pool: Executor) -> int:
        try:
            return self._heal(name, Staged.decode(self._storage.staged(name), name, key).objects, pool)
        except NotFound:
            pass  # another sealer cleared it away
        except IntegrityError as error:
            _log.error("a superseded checkpoint's events can't be healed: %s (%s)", name, error.detail)
        self._reached.pop(name, None)
        return 0

    def _accepted(self, object: Accepted | str) -> Accepted:
        if isinstance(object, Accepted):
            return object
        name = named(object)
        if name is None:
            raise IntegrityError("What is staged names an object that can't be one")
        return accept(name, self._storage.get(name.key))


def events_of(objects: Iterable[Accepted]) -> list[RecordedEvent]:
    """The events of sealed objects, as the index has them. A writer's genesis is nobody's."""
    return [
        RecordedEvent(line, each.name.key, position)
        for each in objects
        for position, line in enumerate(each.lines)
        if each.name.sequence + position > 0
    ]
