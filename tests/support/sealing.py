"""The sealer's surroundings in memory: both buckets, a witness, an index, and writers that record into them.

Every call of the storage, the witness and the index asks ``step`` first and last, which may raise: so a process dies
before or after anything it does. What they promise, they keep.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phivault.audit.event import AuditEvent
from phivault.audit.log import checkpoint as checkpoints
from phivault.audit.log.merkle import verify_consistency
from phivault.audit.log.note import VerifierKey, cosign, log_vkey, parse, witness_vkey
from phivault.audit.log.store import StoredObject
from phivault.audit.log.tiles import WIDTH, bundles_of, decode_entries, parse_path
from phivault.audit.log.witnessing import Answer
from phivault.audit.recorder import Recorder, Writer, next_batch
from phivault.audit.seal.sealer import Sealer
from phivault.audit.seal.store import Head
from phivault.audit.store import RecordedEvent
from phivault.errors import Conflict, IntegrityError, NotFound
from tests.support.audit import MemoryIndex, an_event

ORIGIN, WITNESS = "test.example/log", "test.example/witness"
NOON = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


class Key:
    """An Ed25519 signer."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


@dataclass
class Steps:
    """Counts the steps and breaks at the one told, "before" or "after" its effect; and at all later ones, unless
    ``once``: a process that is gone does nothing more, whatever its threads were about to."""

    count: int = 0
    at: int | None = None
    how: str = "before"
    error: Callable[[], BaseException] = KeyboardInterrupt
    once: bool = False
    watch: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        with self._lock:
            self.count += 1
            number = self.count
        if self.watch is not None:
            self.watch(name)
        here, gone = number == self.at, self.at is not None and number > self.at and not self.once
        if gone or (here and self.how == "before"):
            raise self.error()
        yield
        if here:
            raise self.error()


@dataclass
class Buckets:
    """What outlives every process."""

    events: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    full: dict[str, bytes] = field(default_factory=dict)
    partial: dict[str, bytes] = field(default_factory=dict)
    staging: dict[str, bytes] = field(default_factory=dict)
    hourly: dict[str, bytes] = field(default_factory=dict)
    note: bytes | None = None
    history: list[bytes] = field(default_factory=list)


class MemoryStorage:
    """Fills ``seal.heal.Storage``. One per process that may die; ``buckets`` are shared."""

    def __init__(self, buckets: Buckets, steps: Steps | None = None) -> None:
        self.buckets, self.steps = buckets, steps or Steps()
        self._lock = threading.Lock()

    # SealStore

    def head(self) -> Head | None:
        with self.steps.step("head"):
            note = self.buckets.note
        return None if note is None else Head(note, hashlib.md5(note).hexdigest())

    def swap(self, note: bytes, tag: str | None) -> str:
        with self.steps.step("swap"), self._lock:
            now = self.buckets.note
            if (None if now is None else hashlib.md5(now).hexdigest()) != tag:
                raise Conflict("other")
            self.buckets.note = note
            self.buckets.history.append(note)
        return hashlib.md5(note).hexdigest()

    def stage(self, name: str, body: bytes) -> None:
        with self.steps.step("stage"):
            self.buckets.staging[name] = body

    def staged(self, name: str) -> bytes:
        with self.steps.step("staged"):
            return _found(self.buckets.staging, name)

    def staged_names(self) -> Sequence[str]:
        with self.steps.step("staged_names"):
            return sorted(self.buckets.staging)

    def unstage(self, name: str) -> None:
        with self.steps.step("unstage"):
            self.buckets.staging.pop(name, None)

    def publish(self, path: str, body: bytes) -> None:
        with self.steps.step("publish"):
            if parse_path(path).width < WIDTH:
                assert self.buckets.partial.setdefault(path, body) == body, "a path had two contents"
            elif self.buckets.full.setdefault(path, body) != body:
                raise IntegrityError("other bytes")

    def withdraw(self, path: str) -> None:
        if parse_path(path).width == WIDTH:
            raise ValueError
        with self.steps.step("withdraw"):
            self.buckets.partial.pop(path, None)

    def keep(self, hour: str, note: bytes) -> None:
        with self.steps.step("keep"):
            self.buckets.hourly.setdefault(hour, note)

    def stored_at(self, key: str) -> datetime:
        with self.steps.step("stored_at"):
            return _found(self.buckets.events, key)[1]

    # LogReader

    def checkpoint(self) -> bytes:
        head = self.head()
        if head is None:
            raise NotFound("none")
        return head.note

    def tile(self, path: str) -> bytes:
        with self.steps.step("tile"):
            return _found(self.buckets.full if parse_path(path).width == WIDTH else self.buckets.partial, path)

    def checkpoints(self, since: str = "") -> Iterator[tuple[str, bytes]]:
        with self.steps.step("checkpoints"):
            found = sorted(self.buckets.hourly.items())
        yield from ((hour, note) for hour, note in found if hour >= since)

    # EventObjects

    def hours(self, since: str = "") -> Iterator[str]:
        with self.steps.step("hours"):
            found = sorted({key[3:16] for key in list(self.buckets.events)})
        yield from (hour for hour in found if hour >= since)

    def writers(self, hour: str) -> Sequence[str]:
        with self.steps.step("writers"):
            keys = [key for key in list(self.buckets.events) if key.startswith(f"ev/{hour}/") and "-" in key]
            return sorted({key.partition("-")[0] + "-" for key in keys})

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        with self.steps.step("keys"):
            found = sorted(key for key in list(self.buckets.events) if key.startswith(prefix) and key > after)
        yield from found

    def objects(self, hour: str) -> Iterator[StoredObject]:
        raise NotImplementedError("the sealer doesn't ask")

    def get(self, key: str) -> bytes:
        with self.steps.step("get"):
            return _found(self.buckets.events, key)[0]


def _found[T](held: dict[str, T], key: str) -> T:
    try:
        return held[key]
    except KeyError:
        raise NotFound("not there") from None


class MemoryWitness:
    """A witness as C2SP has it; a second root for a size that it knows is kept in ``forks``."""

    def __init__(self, log: VerifierKey, now: Callable[[], datetime], steps: Steps | None = None) -> None:
        self.key, self._log, self._now, self.steps = Key(), log, now, steps or Steps()
        self.sizes: dict[int, bytes] = {}
        self.forks: list[int] = []
        self._lock = threading.Lock()

    def add_checkpoint(self, old: int, proof: Sequence[bytes], note: bytes) -> Answer:
        with self.steps.step("witness"), self._lock:
            return self._add(old, proof, note)

    def _add(self, old: int, proof: Sequence[bytes], note: bytes) -> Answer:
        new = checkpoints.verify(note, self._log).checkpoint
        last = max(self.sizes, default=0)
        if self.sizes.get(new.size, new.root) != new.root:
            self.forks.append(new.size)
        if old != last or (old == new.size and self.sizes.get(old) != new.root):
            return Answer(409, f"{last}\n")
        if old:
            try:
                verify_consistency(old, self.sizes[old], new.size, new.root, proof)
            except IntegrityError:
                return Answer(422, "")
        self.sizes[new.size] = new.root
        return Answer(200, cosign(new.text(), WITNESS, self.key, int(self._now().timestamp())).line())


class MemoryRows:
    """An index's rows. ``written`` counts every write, as its stream would."""

    def __init__(self, steps: Steps | None = None) -> None:
        self.rows: dict[bytes, tuple[str, int]] = {}
        self.written, self.steps = 0, steps or Steps()

    def heal(self, events: Sequence[RecordedEvent]) -> int:
        count = 0
        with self.steps.step("heal"):
            for event in events:
                if self.rows.get(event.line) != (event.object_key, event.position):
                    self.rows[event.line] = (event.object_key, event.position)
                    count += 1
                    self.written += 1
        return count


class Log:
    """A log, and what happens to it: ``record``, ``sealer``; ``clock`` is what everybody's clock shows."""

    def __init__(self) -> None:
        self.clock = NOON
        self.buckets, self.key = Buckets(), Key()
        self.log_key = VerifierKey.parse(log_vkey(ORIGIN, self.key.public_key))
        self.witness = MemoryWitness(self.log_key, self.now)
        self.witness_key = VerifierKey.parse(witness_vkey(WITNESS, self.witness.key.public_key))
        self.index = MemoryRows()
        self.elapsed: Callable[[], float] = time.monotonic

    def slow(self, step: str, seconds: float) -> Steps:
        """Steps of which each one of this name takes that long; nothing else takes any time."""
        done = [0.0]

        def watch(name: str) -> None:
            done[0] += seconds if name == step else 0.0

        self.elapsed = lambda: done[0]
        return Steps(watch=watch)

    def now(self) -> datetime:
        return self.clock

    def tick(self, **time: float) -> None:
        self.clock += timedelta(**time)

    def sealer(self, steps: Steps | None = None) -> Sealer:
        """A new process's, which breaks where ``steps`` says."""
        steps = steps or Steps()
        self.witness.steps = self.index.steps = steps
        return Sealer(
            MemoryStorage(self.buckets, steps),
            self.key,
            self.witness,
            self.index,
            origin=ORIGIN,
            witness_key=lambda: self.witness_key,
            now=self.now,
            clock=lambda: self.elapsed(),
        )

    def recorder(self) -> Recorder:
        return Recorder(_Puts(self), MemoryIndex(), deadline_seconds=1.0, now=self.now)

    def put(self, key: str, body: bytes) -> None:
        assert key not in self.buckets.events
        self.buckets.events[key] = (body, self.clock)

    def leaves(self) -> list[bytes]:
        """The lines of the published tree, whose root is recomputed."""
        from phivault.audit.log.merkle import leaf_hashes, root

        assert self.buckets.note is not None
        current = checkpoints.verify(self.buckets.note, self.log_key).checkpoint
        store, lines = MemoryStorage(self.buckets), list[bytes]()
        for bundle in bundles_of(current.size):
            lines += decode_entries(store.tile(bundle.path))
        assert root(leaf_hashes(lines)) == current.root
        return lines

    def recorded(self) -> list[bytes]:
        return [line for body, _ in self.buckets.events.values() for line in body.splitlines()]

    def sizes(self) -> list[int]:
        """Of every checkpoint that ever was the head, in order."""
        return [checkpoints.parse(parse(note).text).size for note in self.buckets.history]


class _Puts:
    def __init__(self, log: Log) -> None:
        self._log = log

    def put(self, key: str, body: bytes, *, deadline: float) -> None:
        self._log.put(key, body)


class Chain:
    """A writer whose objects are made to order."""

    def __init__(self, log: Log, id: str = "ab" * 16) -> None:
        self.log, self.writer = log, Writer(id)

    def make(self, count: int = 1, **changes: Any) -> tuple[str, bytes]:
        """The next object's key and body, with ``count`` events; it isn't stored."""
        events: list[AuditEvent] = [an_event(**changes) for _ in range(count)]
        batch = next_batch(self.writer, events, self.log.clock)
        self.writer = batch.after
        return batch.key, batch.body

    def put(self, count: int = 1, **changes: Any) -> str:
        key, body = self.make(count, **changes)
        self.log.put(key, body)
        return key
