"""What the sealed log says of a time: its lines from there to its end."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import batched
from typing import Final

from phivault.audit.canonical import Genesis, parse
from phivault.audit.log.checkpoint import parse as parse_checkpoint
from phivault.audit.log.note import Note
from phivault.audit.log.note import parse as parse_note
from phivault.audit.log.store import LogReader
from phivault.audit.log.tiles import WIDTH, Bundle, decode_entries
from phivault.audit.reconcile.claims import Mention
from phivault.audit.reconcile.mentions import of_line
from phivault.errors import NotFound

TOLERANCE: Final = 4500.0
"""Seconds by which a line may stand before lines that are older: an hour, since after an outage the sealer takes hours
in order but not what is within them, and what writers' clocks differ."""
_THREADS: Final = 8
_STAMP: Final = 8
_COSIGNATURE: Final = _STAMP + 64


class SealedLog:
    """The log of the newest checkpoint. Signatures aren't looked at: that the log is what it says, the verifier
    proves. Everything raises IntegrityError for what is no log, and Unavailable."""

    def __init__(self, log: LogReader, witness_name: str) -> None:
        note = parse_note(log.checkpoint())
        self._log, self._size = log, parse_checkpoint(note.text).size
        # Read now: a partial bundle is withdrawn once the log outgrew it.
        self._last = self._read((self._size - 1) // WIDTH) if self._size else []
        times = [_time(line) for line in self._last[-1:]]
        self.until = max([float(_cosigned_at(note, witness_name)), *times])

    @classmethod
    def newest(cls, log: LogReader, witness_name: str) -> SealedLog | None:
        """None before the first checkpoint. Raises NotFound where it is gone: then locked ones remain."""
        try:
            return cls(log, witness_name)
        except NotFound:
            if _begun(log):
                raise
            return None

    def mentions(self, since: float) -> Iterator[Mention]:
        """Of every event from ``since`` (Unix seconds) on, and of some before it."""
        count = -(-self._size // WIDTH)
        first = bisect_left(range(count), since - TOLERANCE, key=lambda index: _time(self._bundle(index)[0]))
        with ThreadPoolExecutor(_THREADS) as threads:
            for batch in batched(range(max(0, first - 1), count), _THREADS, strict=False):
                for lines in threads.map(self._bundle, batch):
                    yield from filter(None, map(of_line, lines))

    def _bundle(self, index: int) -> list[bytes]:
        return self._last if index == (self._size - 1) // WIDTH else self._read(index)

    def _read(self, index: int) -> list[bytes]:
        width = min(WIDTH, self._size - index * WIDTH)
        return decode_entries(self._log.tile(Bundle(index, width).path))


def _begun(log: LogReader) -> bool:
    """Whether the log had a checkpoint, this one or those that nobody can delete."""
    try:
        log.checkpoint()
    except NotFound:
        return next(iter(log.checkpoints()), None) is not None
    return True


def _cosigned_at(note: Note, name: str) -> int:
    """Unix seconds; 0 where the witness of that name didn't cosign."""
    bodies = (signature.body for signature in note.signatures if signature.name == name)
    return next((int.from_bytes(body[:_STAMP]) for body in bodies if len(body) == _COSIGNATURE), 0)


def _time(line: bytes) -> float:
    content = parse(line)
    stamp = content.timestamp if isinstance(content, Genesis) else content.event.timestamp
    return datetime.fromisoformat(stamp).timestamp()
