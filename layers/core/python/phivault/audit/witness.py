"""The witness: remembers the newest checkpoint of each log and cosigns only what grows from it (C2SP tlog-witness and
tlog-cosignature). A log that forks, or is rolled back, by its own key, finds no second cosignature.

What it remembers is a chain: each sighting names the size before it, and there is one successor to a size at most. Two
requests at once that both grow from the same checkpoint, but not from each other, can't both be accepted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

from phivault.audit.log.checkpoint import Checkpoint, parse, parse_decimal, verify
from phivault.audit.log.merkle import EMPTY_ROOT, verify_consistency
from phivault.audit.log.note import ED25519, VerifierKey, cosign, witness_vkey
from phivault.audit.log.note import parse as parse_note
from phivault.audit.log.store import Signer
from phivault.audit.log.witnessing import MAX_REQUEST, Answer, Witness, parse_request
from phivault.errors import Conflict, IntegrityError, InvalidInput, Unavailable

CLOCK_SECONDS: Final = 300
"""How far a clock may lie behind a time that was signed already."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A checkpoint as the witness first saw it: at ``time`` (Unix seconds), after one of size ``old``. ``note`` bears
    the log's signature."""

    old: int
    time: int
    note: bytes

    def encode(self) -> bytes:
        """``time <seconds>``, ``old <size>``, a line each, then the note."""
        return b"time %d\nold %d\n%b" % (self.time, self.old, self.note)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises IntegrityError."""
        try:
            first, second, note = data.split(b"\n", 2)
            if not (first.startswith(b"time ") and second.startswith(b"old ")):
                raise IntegrityError("a sighting is malformed")
            seconds = parse_decimal(first[5:].decode("ascii"), "a sighting's time")
            return cls(parse_decimal(second[4:].decode("ascii"), "a sighting's old size"), seconds, note)
        except ValueError:
            raise IntegrityError("a sighting is malformed") from None


class Sightings(Protocol):
    """What the witness remembers. Obligations: a sighting that was added stands for good, whoever asks, and there is
    at most one per log and ``old``. ``add`` returns when it is durable, and raises Conflict where another stands.
    ``latest`` answers the one of the largest ``old``, None if there is none; raises IntegrityError where it was
    hidden or replaced. Both raise Unavailable."""

    def latest(self, origin: str) -> Sighting | None: ...

    def add(self, origin: str, sighting: Sighting) -> None: ...


@dataclass(frozen=True, slots=True)
class _Newest:
    size: int = 0
    root: bytes = EMPTY_ROOT
    time: int = 0


class WitnessStand:
    """Fills phivault.audit.log.witnessing.Witness. ``log_keys`` are of type ED25519, named by their logs' origins;
    ``signer`` and ``name`` are the witness's own; ``now`` is its clock, in Unix seconds.

    Raises Unavailable besides, when store, key or clock can't be relied on, and IntegrityError for its own memory.
    """

    def __init__(
        self,
        sightings: Sightings,
        signer: Signer,
        name: str,
        log_keys: Collection[VerifierKey],
        now: Callable[[], float] = time.time,
    ) -> None:
        if any(key.kind != ED25519 for key in log_keys):
            raise InvalidInput("a verifier key is of the wrong type for its role")
        self._sightings, self._signer, self._name, self._now = sightings, signer, name, now
        self._keys = {key.name: key for key in log_keys}
        self._signed_at = 0

    @property
    def vkey(self) -> str:
        """Its own verifier key."""
        return witness_vkey(self._name, self._signer.public_key)

    def add_checkpoint(self, old: int, proof: Sequence[bytes], note: bytes) -> Answer:
        try:
            claimed = parse(parse_note(note).text)
        except IntegrityError:
            return Answer(400, "The checkpoint is malformed\n")
        key = self._keys.get(claimed.origin)
        if key is None:
            return Answer(404, "The log is unknown\n")
        try:
            checkpoint = verify(note, key).checkpoint
        except IntegrityError:
            return Answer(403, "The checkpoint isn't signed by the log\n")
        if old > checkpoint.size:
            return Answer(400, "The old size is beyond the checkpoint's\n")
        return self._grow(key, old, proof, checkpoint, note)

    def _grow(self, key: VerifierKey, old: int, proof: Sequence[bytes], checkpoint: Checkpoint, note: bytes) -> Answer:
        newest = self._newest(key)
        if old != newest.size:
            return Answer(409, f"{newest.size}\n")
        if checkpoint.size == newest.size and checkpoint.root != newest.root:
            _log.error("the log signed two roots of size %d", newest.size)
            return Answer(409, f"{newest.size}\n")
        try:
            verify_consistency(newest.size, newest.root, checkpoint.size, checkpoint.root, proof)
        except IntegrityError:
            _log.error("size %d isn't shown to grow from the witnessed size %d", checkpoint.size, newest.size)
            return Answer(422, "The consistency proof doesn't hold\n")
        seconds = self._time(newest)
        if checkpoint.size > newest.size:
            try:  # before anything is signed: a cosignature that nobody remembers could be contradicted
                self._sightings.add(key.name, Sighting(newest.size, seconds, note))
            except Conflict:
                return Answer(409, f"{self._newest(key).size}\n")
        self._signed_at = seconds
        return Answer(200, cosign(checkpoint.text(), self._name, self._signer, seconds).line())

    def _newest(self, key: VerifierKey) -> _Newest:
        found = self._sightings.latest(key.name)
        if found is None:
            return _Newest()
        # Whoever could write to our memory still can't sign for the log.
        checkpoint = verify(found.note, key).checkpoint
        if checkpoint.size <= found.old:
            raise IntegrityError("a sighting doesn't grow")
        return _Newest(checkpoint.size, checkpoint.root, found.time)

    def _time(self, newest: _Newest) -> int:
        now, signed = int(self._now()), max(newest.time, self._signed_at)
        if signed - now > CLOCK_SECONDS:
            raise Unavailable("The witness's clock lies behind a time that it has signed")
        return max(now, signed)


def answer(witness: Witness, body: object) -> Answer:
    """To a request's text."""
    if not isinstance(body, str) or len(body) > MAX_REQUEST:
        return Answer(400, "The request is malformed\n")
    try:
        asked = parse_request(body)
    except InvalidInput:
        return Answer(400, "The request is malformed\n")
    return witness.add_checkpoint(asked.old, asked.proof, asked.note)
