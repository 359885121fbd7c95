"""A log with its bucket's objects in memory, and exports of it."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from phivault.audit.event import AuditEvent
from phivault.audit.export.build import Authority, Order, build
from phivault.audit.export.manifest import Manifest
from phivault.audit.log.store import StoredObject
from phivault.audit.recorder import Writer, next_batch
from phivault.errors import Conflict, NotFound
from tests.support.audit import an_event
from tests.support.log_signer import LocalSigner
from tests.support.memory_log import MemoryLog

ID = "5f0c6a52-6f1e-4f8e-9a51-0b3d8f3f7a10"
WITNESSED = datetime.fromtimestamp(1_772_600_000, UTC)
"""When MemoryLog's witness cosigns: 2026-03-04T04:53:20Z."""


class MemoryObjects:
    """Fills ``phivault.audit.log.store.EventObjects``. ``listed`` counts the hours whose objects were listed."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[StoredObject, bytes]] = {}
        self.listed: Counter[str] = Counter()

    def add(self, key: str, body: bytes, modified: datetime, versions: int = 1) -> None:
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self.stored[key] = StoredObject(key, len(body), etag, stamp(modified), versions), body

    def hours(self, since: str = "") -> Iterator[str]:
        yield from sorted({key[3:16] for key in self.stored if key[3:16] >= since})

    def writers(self, hour: str) -> Sequence[str]:
        return sorted({key.rpartition("-")[0] + "-" for key in self.stored if key[3:16] == hour})

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        yield from sorted(key for key in self.stored if key.startswith(prefix) and key > after)

    def objects(self, hour: str) -> Iterator[StoredObject]:
        self.listed[hour] += 1
        yield from (self.stored[key][0] for key in sorted(self.stored) if key[3:16] == hour)

    def get(self, key: str) -> bytes:
        if key not in self.stored:
            raise NotFound
        return self.stored[key][1]


class MemorySink:
    """Fills ``phivault.audit.export.build.Sink``."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._turn = threading.Lock()

    def put(self, path: str, body: bytes) -> None:
        with self._turn:
            if self.files.setdefault(path, body) is not body:
                raise Conflict(path)


@dataclass
class World:
    """``record`` stores what a writer appends, ``seal`` publishes it. Times end just before the witness's."""

    log: MemoryLog = field(default_factory=MemoryLog)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    writers: dict[str, Writer] = field(default_factory=dict)
    unsealed: list[bytes] = field(default_factory=list)
    at: datetime = WITNESSED - timedelta(hours=6)
    slept: float = 0.0
    cosigned_after: float | None = None

    def record(self, *events: AuditEvent | dict[str, Any], writer: str = "a", sealed: bool = True) -> str:
        """One append; the key of its object. What isn't ``sealed`` stays out of the log."""
        made = [
            event if isinstance(event, AuditEvent) else an_event(**{"timestamp": stamp(self.at)} | event)
            for event in events
        ]
        before = self.writers.get(writer) or Writer(hashlib.sha256(writer.encode()).hexdigest()[:32])
        batch = next_batch(before, made, self.at)
        self.writers[writer] = batch.after
        self.objects.add(batch.key, batch.body, self.at)
        self.unsealed += batch.lines if sealed else ()
        self.at += timedelta(seconds=1)
        return batch.key

    def seal(self, hour: str = "") -> None:
        """Publishes; with ``hour`` also as the locked checkpoint of that hour."""
        self.log.append(self.unsealed)
        self.unsealed = []
        if hour:
            self.log.hourly.append((hour, self.log.checkpoint()))

    def sleep(self, seconds: float) -> None:
        """How an export waits."""
        self.slept += seconds
        if self.cosigned_after is not None and self.slept >= self.cosigned_after:
            self.log.publish(witnessed=True)

    @property
    def authority(self) -> Authority:
        return Authority(
            signer=LocalSigner("log"),
            log_key=self.log.log_key,
            witness_key=self.log.witness_key,
            log_account="111111111111",
            witness_account="222222222222",
        )

    def export(self, sink: MemorySink | None = None, **changes: Any) -> tuple[Manifest, dict[str, bytes]]:
        """The manifest, and the export's files by path."""
        sink = sink or MemorySink()
        order = Order(**{"id": ID, "sealed_at": WITNESSED} | changes)
        manifest = build(order, self.log, self.objects, sink, self.authority, now=lambda: WITNESSED, sleep=self.sleep)
        return manifest, sink.files


def write(files: dict[str, bytes], folder: Path) -> Path:
    """The export as a folder on disk."""
    for path, body in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    return folder


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
