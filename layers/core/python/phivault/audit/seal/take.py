"""The lines that a pass seals: discovered objects, read side by side, accepted in order."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from phivault.audit.canonical import line_hash
from phivault.audit.seal.accept import Accepted, Named, accept
from phivault.audit.seal.progress import Position, Progress, oldest_open
from phivault.errors import IntegrityError, NotFound

MAX_LINES: Final = 65_536
MAX_BYTES: Final = 48 << 20
GAP_WAIT: Final = timedelta(minutes=10)
MAX_SECONDS: Final = 60.0
"""What was taken by then is committed: a pass that were longer than its process may live would begin again for ever."""
READ_AHEAD: Final = 16
_log = logging.getLogger(__name__)


class Objects(Protocol):
    def get(self, key: str) -> bytes: ...

    def stored_at(self, key: str) -> datetime: ...


@dataclass(slots=True)
class Taken:
    """What a pass adds. ``refused`` are keys that never become leaves as they are; ``complete`` is whether nothing
    that could be sealed was left for the next pass."""

    progress: Progress
    objects: list[Accepted] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    complete: bool = True
    count: int = 0
    volume: int = 0

    @property
    def lines(self) -> list[bytes]:
        return [line for each in self.objects for line in each.lines]

    def add(self, found: Accepted) -> bool:
        """False where it is too much, unless nothing is taken yet."""
        count, size = self.count + len(found.lines), self.volume + sum(map(len, found.lines))
        if self.objects and (count > MAX_LINES or size > MAX_BYTES):
            self.complete = False
            return False
        self.objects.append(found)
        self.count, self.volume = count, size
        return True


def take(
    objects: Objects,
    progress: Progress,
    names: Sequence[Named],
    now: datetime,
    pool: Executor,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Taken:
    """At most 65,536 lines (48 MiB), and a minute's, of the objects named, in that order. Raises Unavailable."""
    taking, until = _Taking(objects, progress, now), clock() + MAX_SECONDS
    for name, body in _read(objects.get, filter(taking.wants, names), pool):
        if not taking.takes(name, body):
            break
        if clock() >= until:
            taking.stop()
            break
    return taking.done(names)


def _read(
    get: Callable[[str], bytes], names: Iterable[Named], pool: Executor
) -> Iterator[tuple[Named, bytes | IntegrityError | NotFound]]:
    def body(name: Named) -> bytes | IntegrityError | NotFound:
        try:
            return get(name.key)
        except (IntegrityError, NotFound) as error:
            return error

    for some in itertools.batched(names, READ_AHEAD, strict=False):
        yield from zip(some, pool.map(body, some), strict=True)


class _Taking:
    def __init__(self, objects: Objects, progress: Progress, now: datetime) -> None:
        self._objects, self._now = objects, now
        self._since = progress.since
        self._writers = dict(progress.writers)
        self._taken = Taken(progress)
        self._waiting: set[str] = set()
        self._done: set[str] = set()

    def wants(self, name: Named) -> bool:
        """False for what is beyond a gap that is waited for, and needn't be read."""
        return name.writer not in self._waiting

    def stop(self) -> None:
        self._taken.complete = False

    def takes(self, name: Named, body: bytes | IntegrityError | NotFound) -> bool:
        """False where the pass is full."""
        if not self.wants(name):
            return True
        try:
            if not isinstance(body, bytes):
                raise body
            found = accept(name, body)
            at = self._writers.get(name.writer, Position())
            if name.sequence < at.next:
                raise IntegrityError("An object of the audit log has the place of another")
        except (IntegrityError, NotFound) as error:
            self._refuse(name, error)
            return True
        if name.sequence > at.next and not self._overdue(name, at):
            self._waiting.add(name.writer)
            return True
        return self._adds(found, at)

    def _refuse(self, name: Named, error: IntegrityError | NotFound) -> None:
        _log.error("not sealed: %s (%s)", name.key, error.detail)
        self._taken.refused.append(name.key)
        self._done.add(name.key)

    def _overdue(self, name: Named, at: Position) -> bool:
        """Whether a gap was waited for long enough: since the object beyond it was stored, and since the writer's
        last line, so that nobody can put an end to a writer at work by taking one of its later names."""
        last = max(self._objects.stored_at(name.key), datetime.fromtimestamp(at.at, UTC))
        return self._now - last >= GAP_WAIT

    def _adds(self, found: Accepted, at: Position) -> bool:
        name = found.name
        if not self._taken.add(found):
            return False
        if name.sequence > at.next:
            _log.error("sealed beyond a gap: %s, whose writer's line %d is missing", name.key, at.next)
        elif found.prev is not None and found.prev != at.prev:
            _log.error("sealed with a broken chain: %s", name.key)
        after = name.sequence + len(found.lines)
        self._writers[name.writer] = Position(after, line_hash(found.lines[-1]), int(self._now.timestamp()))
        self._done.add(name.key)
        return True

    def done(self, names: Sequence[Named]) -> Taken:
        left = [name.hour for name in names if name.key not in self._done]
        progress = Progress(max(self._since, min([oldest_open(self._now), *left])), self._writers)
        self._taken.progress = replace(progress, writers=progress.remembering())
        return self._taken
