"""The recorder: an event is recorded once its line is in a locked object, and not before."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from phivault.audit.canonical import NO_HASH, EventLine, Genesis, Link, encode, line_hash
from phivault.audit.event import AuditEvent
from phivault.audit.store import EventIndex, EventStore, RecordedEvent
from phivault.errors import PhivaultError, Unavailable

_log = logging.getLogger(__name__)
_RETRY_AFTER = 2
LONGEST_SILENCE = timedelta(days=1)
"""After it a process begins a new writer, so that the sealer needn't remember every writer that ever was."""
_REQUESTS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Writer:
    """A chain that only this process appends to. ``sequence`` and ``prev`` are of the last acknowledged line;
    -1 while there is none; ``at`` is its time. ``predecessor`` is the last writer of this process that had one."""

    id: str
    sequence: int = -1
    prev: str = NO_HASH
    predecessor: Writer | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one PUT stores, from sequence ``first`` on, and the writer as it stands once that is acknowledged."""

    key: str
    first: int
    lines: tuple[bytes, ...]
    after: Writer

    @property
    def body(self) -> bytes:
        return b"".join(line + b"\n" for line in self.lines)


def _utc() -> datetime:
    return datetime.now(UTC)


class Recorder:
    """One per process, shared by its threads. ``deadline_seconds`` bounds the wait for the log; the index, which
    needn't be waited for, has its own, shorter bound. ``last_checkpoint`` answers at once what an event says of the
    Merkle log (``size/root``, or empty while nothing is known); it is called by one thread at a time."""

    _turn: threading.Lock
    _writer: Writer | None
    _acknowledged: Writer | None

    def __init__(
        self,
        store: EventStore,
        index: EventIndex,
        *,
        deadline_seconds: float,
        now: Callable[[], datetime] = _utc,
        last_checkpoint: Callable[[], str] = str,
    ) -> None:
        self._store, self._index, self._last_checkpoint = store, index, last_checkpoint
        self._deadline_seconds, self._now = deadline_seconds, now
        self._requests: deque[str] = deque(maxlen=_REQUESTS_KEPT)
        self._start_afresh()
        forked = weakref.WeakMethod(self._start_afresh)
        os.register_at_fork(after_in_child=lambda: (again := forked()) and again())

    def append(self, events: Sequence[AuditEvent]) -> None:
        """Record ``events`` in order. Returns once all of them are in one locked object.

        Raises Unavailable when that wasn't established in time: then none, or all, may be recorded, and nothing
        they speak of may be released. Raises IntegrityError for an event that breaks the schema.
        """
        if not events:
            return
        self._requests.extend(event.request_id for event in events)
        deadline = time.monotonic() + self._deadline_seconds
        if not self._turn.acquire(timeout=self._deadline_seconds):
            raise Unavailable("The audit log is busy", retry_after=_RETRY_AFTER)
        try:
            now = self._now()
            batch = next_batch(self._current(now), events, now, self._last_checkpoint())
            self._store_batch(batch, deadline)
        finally:
            self._turn.release()
        self._project(batch)

    def was_asked(self, request_id: str) -> bool:
        """Whether an event of this request was given to record lately, stored or not: a recorder that just failed
        needn't be asked again."""
        return request_id in self._requests

    def _store_batch(self, batch: Batch, deadline: float) -> None:
        # Until the PUT is acknowledged the chain's end is unknown, so the writer is gone: whatever interrupts
        # this, even a KeyboardInterrupt, the next append starts a successor.
        self._writer = None
        try:
            self._store.put(batch.key, batch.body, deadline=deadline)
        except PhivaultError as error:
            _log.warning("audit writer retired: %s", error.code)
            raise Unavailable("The audit log is unavailable", retry_after=_RETRY_AFTER) from None
        self._writer = self._acknowledged = batch.after

    def _project(self, batch: Batch) -> None:
        recorded = [
            RecordedEvent(line, batch.key, position)
            for position, line in enumerate(batch.lines)
            if batch.first + position > 0  # the genesis is nobody's event
        ]
        try:
            self._index.add(recorded)
        except PhivaultError as error:
            # The log is the authority and the index can be rebuilt from it: an outage of one isn't both.
            _log.warning("audit index not written: %s (%s)", error.code, batch.key)

    def _current(self, now: datetime) -> Writer:
        writer = self._writer
        if writer is not None and writer.at is not None and now - writer.at < LONGEST_SILENCE:
            return writer
        return Writer(secrets.token_hex(16), predecessor=self._acknowledged)

    def _start_afresh(self) -> None:
        # In a fork's child too: the parent goes on with its chain, and another thread may have held the turn.
        self._turn = threading.Lock()
        self._writer = None
        self._acknowledged = None


def next_batch(writer: Writer, events: Sequence[AuditEvent], now: datetime, checkpoint: str = "") -> Batch:
    """The lines that continue ``writer``'s chain with ``events``, the genesis before its first, and their key."""
    first, sequence, prev = writer.sequence + 1, writer.sequence, writer.prev
    lines: list[bytes] = []
    if sequence < 0:
        lines.append(encode(_genesis(writer, now)))
        sequence, prev = 0, line_hash(lines[0])
    for event in events:
        sequence += 1
        link = Link(writer=writer.id, sequence=sequence, prev=prev, checkpoint=checkpoint)
        lines.append(encode(EventLine(event, link)))
        prev = line_hash(lines[-1])
    after = Writer(writer.id, sequence, prev, at=now)
    return Batch(object_key(writer.id, first, now), first, tuple(lines), after)


def object_key(writer: str, sequence: int, now: datetime) -> str:
    """``ev/yyyy/mm/dd/HH/shard/writer-sequence.json``: the UTC hour of the append, the first byte of the writer's
    SHA-256 to spread load, and the sequence of the object's first line in eight hexadecimal digits."""
    shard = hashlib.sha256(writer.encode()).hexdigest()[:2]
    return f"ev/{now.astimezone(UTC):%Y/%m/%d/%H}/{shard}/{writer}-{sequence:08x}.json"


def _genesis(writer: Writer, now: datetime) -> Genesis:
    timestamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
    before = writer.predecessor
    if before is None:
        return Genesis(writer=writer.id, timestamp=timestamp)
    return Genesis(
        writer=writer.id,
        timestamp=timestamp,
        predecessor=before.id,
        predecessor_sequence=before.sequence,
        predecessor_hash=before.prev,
    )
