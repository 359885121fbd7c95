"""Where the log stands: the committed checkpoint, what is staged for it, and what its maker may not have done."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from phivault.audit.log import checkpoint as checkpoints
from phivault.audit.log import note as notes
from phivault.audit.log.checkpoint import Checkpoint
from phivault.audit.log.merkle import EMPTY_ROOT
from phivault.audit.log.note import Note, VerifierKey
from phivault.audit.seal.keys import WitnessKey
from phivault.audit.seal.progress import Progress
from phivault.audit.seal.publish import publish
from phivault.audit.seal.rebuild import rebuild
from phivault.audit.seal.staged import Staged, name_of
from phivault.audit.seal.store import Head, SealStore
from phivault.errors import Conflict, IntegrityError, NotFound

_LOOK_BACK: Final = timedelta(hours=3)


@dataclass(slots=True)
class At:
    """A committed checkpoint. ``note`` and ``tag`` are None for the empty log, which has none; ``witnessed_at`` (Unix
    seconds) is None where the witness hasn't cosigned it."""

    checkpoint: Checkpoint
    note: Note | None = None
    tag: str | None = None
    witnessed_at: int | None = None
    staged: Staged = field(default_factory=lambda: Staged(Progress()))

    @property
    def name(self) -> str:
        return name_of(self.checkpoint)


class Standing:
    """``last`` is the checkpoint that this process knows to be published, with what was staged for it."""

    def __init__(self, store: SealStore, witness_key: WitnessKey, now: Callable[[], datetime]) -> None:
        self._store, self._witness_key, self._now = store, witness_key, now
        self._last: tuple[str, Staged] | None = None

    def resume(self, key: VerifierKey, pool: Executor) -> At:
        """The head, with its tiles published. Raises Conflict where another sealer moves it meanwhile,
        IntegrityError where it isn't ours, or older than what was witnessed."""
        least = self._witnessed(key) if self._last is None else 0  # read before the head, which only grows
        head = self._store.head()
        at = At(Checkpoint(key.name, 0, EMPTY_ROOT)) if head is None else self._opened(head, key)
        if at.checkpoint.size < least:
            raise IntegrityError("The log's checkpoint is older than one that was witnessed")
        if at.note is not None:
            self._finish(at, key, pool)
        return at

    def _finish(self, at: At, key: VerifierKey, pool: Executor) -> None:
        if self._last is not None and self._last[0] == at.name:
            at.staged = self._last[1]
            return
        at.staged = self._staged(at, key)
        if at.witnessed_at is None:  # else it was published before it was witnessed
            publish(self._store, at.staged.files, pool)
        self.published(at)

    def published(self, at: At) -> None:
        at.staged = replace(at.staged, files=())
        self._last = at.name, at.staged

    def _witnessed(self, key: VerifierKey) -> int:
        since = f"{self._now() - _LOOK_BACK:%Y-%m-%dT%H}"
        found = [note for _, note in self._store.checkpoints(since)]
        found = found or [note for _, note in itertools.islice(self._store.checkpoints(), 1)]
        return max((checkpoints.verify(note, key).checkpoint.size for note in found), default=0)

    def _opened(self, head: Head, key: VerifierKey) -> At:
        verified = checkpoints.verify(head.note, key, self._witness_key.known())
        return At(verified.checkpoint, notes.parse(head.note), head.tag, verified.witnessed_at)

    def _staged(self, at: At, key: VerifierKey) -> Staged:
        try:
            return Staged.decode(self._store.staged(at.name), at.name, key)
        except NotFound:
            pass
        again = self._store.head()
        if again is None or again.tag != at.tag:
            raise Conflict("Another sealer moved on, and cleared this away")
        return Staged(rebuild(self._store.tile, at.checkpoint, self._now()))
