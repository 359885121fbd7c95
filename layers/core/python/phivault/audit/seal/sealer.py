"""A pass of the sealer, and passes until nothing is left. The order of the steps is the log's safety:
docs/audit-format.md section 11 says what each of them leaves behind where a process dies after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from phivault.audit.log import note as notes
from phivault.audit.log.checkpoint import Checkpoint
from phivault.audit.log.note import ED25519, Note, VerifierKey
from phivault.audit.log.store import Signer
from phivault.audit.log.tiles import grow
from phivault.audit.log.witnessing import Witness
from phivault.audit.seal.discover import discover
from phivault.audit.seal.heal import Healing, Storage
from phivault.audit.seal.keys import WitnessKey
from phivault.audit.seal.publish import publish
from phivault.audit.seal.staged import Staged
from phivault.audit.seal.standing import At, Standing
from phivault.audit.seal.store import IndexRows
from phivault.audit.seal.take import Taken, take
from phivault.audit.seal.witnessed import Witnessing
from phivault.errors import Conflict, Unavailable

_READERS: Final = 16
_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Sealed:
    """The log after sealing: its size and root (hex), the lines added and the index rows written just now, the
    objects that can't be sealed, whether this size is witnessed, and whether everything that could be sealed is."""

    size: int
    root: str
    sealed: int = 0
    healed: int = 0
    refused: int = 0
    witnessed: bool = False
    complete: bool = False


@dataclass(slots=True)
class _Count:
    sealed: int = 0
    healed: int = 0
    refused: set[str] = field(default_factory=set)


class Sealer:
    """Seals the log named ``origin``; ``witness_key`` asks for the witness's verifier key (raises Unavailable). Any
    number of sealers may run at once; one of them serves one thread. What it
    remembers between calls it could read again."""

    def __init__(
        self,
        storage: Storage,
        signer: Signer,
        witness: Witness,
        index: IndexRows,
        *,
        origin: str,
        witness_key: Callable[[], VerifierKey],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage, self._signer, self._origin, self._now, self._clock = storage, signer, origin, now, clock
        known = WitnessKey(witness_key)
        self._standing = Standing(storage, known, now)
        self._witnessing = Witnessing(storage, witness, known)
        self._healing = Healing(storage, index, clock)
        self._refused: set[str] = set()

    def seal(self, *, seconds: float = 150.0) -> Sealed:
        """Seals what was acknowledged before the call, heals the index for it and has the witness cosign; begins no
        pass after ``seconds``. A witness or an index that can't be reached is told by the answer and the log.

        Raises Unavailable; IntegrityError where storage or the witness contradicts what was sealed before.
        """
        until, count, lost = self._clock() + seconds, _Count(), 0
        with ThreadPoolExecutor(_READERS) as pool:
            while True:
                try:
                    at, complete = self._pass(count, pool)
                except Conflict:
                    lost += 1
                    if lost == _TRIES:
                        raise Unavailable("Other sealers are always faster") from None
                    continue
                if complete or self._clock() > until:
                    return self._answer(at, count, complete=complete)

    def _answer(self, at: At, count: _Count, *, complete: bool) -> Sealed:
        return Sealed(
            at.checkpoint.size,
            at.checkpoint.root.hex(),
            count.sealed,
            count.healed,
            len(count.refused),
            at.witnessed_at is not None,
            complete,
        )

    def _pass(self, count: _Count, pool: Executor) -> tuple[At, bool]:
        """At most one new checkpoint; whether nothing was left to seal. Raises Conflict where another was faster."""
        key = VerifierKey(self._origin, ED25519, self._signer.public_key)
        at = self._standing.resume(key, pool)
        self._witnessing.remember(at)
        taken = self._take(at, pool)
        count.refused |= set(taken.refused)
        if taken.objects:
            at = self._commit(at, taken, pool)
            count.sealed += taken.count
        if taken.complete:  # before that, what is still to be sealed would look back-dated beside its checkpoint
            self._witnessing.refresh(at, key, self._now())
        if at.note is not None:
            count.healed += self._healing.heal(at, taken.objects, key, pool)
        return at, taken.complete

    def _take(self, at: At, pool: Executor) -> Taken:
        now, progress = self._now(), at.staged.progress
        names = discover(self._storage, progress, now, pool)
        unknown = [name for name in names if name.key not in self._refused]
        taken = take(self._storage, progress, unknown, now, pool, clock=self._clock)
        self._refused |= set(taken.refused)  # read and told once
        return taken

    def _commit(self, at: At, taken: Taken, pool: Executor) -> At:
        growth = grow(self._storage.tile, at.checkpoint.size, taken.lines, old_root=at.checkpoint.root)
        checkpoint = Checkpoint(self._origin, growth.size, growth.root)
        note = Note(checkpoint.text(), (notes.sign(checkpoint.text(), self._origin, self._signer),))
        staged = Staged(taken.progress, tuple(each.name.key for each in taken.objects), tuple(growth.files))
        new = At(checkpoint, note, staged=staged)
        self._storage.stage(new.name, staged.encode(new.name, self._origin, self._signer))
        new.tag = self._storage.swap(note.encode(), at.tag)
        publish(self._storage, staged.files, pool)
        self._standing.published(new)
        return new
