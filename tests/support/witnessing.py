"""A log that asks a witness, and can fork; a witness's memory that can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from phivault.audit.log.checkpoint import Checkpoint, verify
from phivault.audit.log.merkle import consistency_proof, leaf_hashes, root
from phivault.audit.log.note import Note, VerifierKey, log_vkey, sign, witness_vkey
from phivault.audit.log.store import Signer
from phivault.audit.log.witnessing import Answer, Witness
from phivault.audit.witness import Sighting, WitnessStand
from phivault.errors import Conflict, Unavailable
from tests.support.log_signer import LocalSigner

ORIGIN, NAME = "log.example/north", "witness.example/w1"
LOG, WITNESS = LocalSigner("log"), LocalSigner("witness")
LOG_KEY = VerifierKey.parse(log_vkey(ORIGIN, LOG.public_key))
WITNESS_KEY = VerifierKey.parse(witness_vkey(NAME, WITNESS.public_key))
NOON = 1_772_600_000


@dataclass
class Log:
    """Whoever holds the log's key: signs any tree of ``lines`` that it likes. Sizes count lines."""

    lines: list[bytes] = field(default_factory=lambda: [b"line %d" % number for number in range(40)])
    origin: str = ORIGIN
    signer: Signer = LOG

    def forked(self, at: int) -> Log:
        """The same lines up to ``at``, others from there on."""
        return Log(self.lines[:at] + [b"other " + line for line in self.lines[at:]], self.origin, self.signer)

    def node(self, level: int, index: int) -> bytes:
        return root(leaf_hashes(self.lines[index << level : (index + 1) << level]))

    def root(self, size: int) -> bytes:
        return root(leaf_hashes(self.lines[:size]))

    def proof(self, old: int, new: int) -> list[bytes]:
        return consistency_proof(self, old, new)

    def note(self, size: int) -> bytes:
        text = Checkpoint(self.origin, size, self.root(size)).text()
        return Note(text, (sign(text, self.origin, self.signer),)).encode()

    def ask(self, witness: Witness, old: int, new: int) -> Answer:
        """With the proof that an honest log would give."""
        return witness.add_checkpoint(old, self.proof(old, new) if 0 < old < new else [], self.note(new))


def witnessed_at(answer: Answer, note: bytes) -> int:
    """The time of the cosignature in ``answer``, checked with the checkpoint that it is on."""
    assert answer.status == 200, answer
    found = verify(note + answer.body.encode(), LOG_KEY, WITNESS_KEY).witnessed_at
    assert found is not None
    return found


@dataclass
class MemorySightings:
    """A witness's memory. ``failures`` says how the next calls of ``add`` fail, ``before`` or ``after`` storing, ""
    for not at all; ``meanwhile`` runs once between a decision and what it stores."""

    held: dict[tuple[str, int], Sighting] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] | None = None

    def latest(self, origin: str) -> Sighting | None:
        return max((each for key, each in self.held.items() if key[0] == origin), key=lambda s: s.old, default=None)

    def add(self, origin: str, sighting: Sighting) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise Unavailable("lost on the way")
        if (origin, sighting.old) in self.held:
            raise Conflict("taken")
        self.held[origin, sighting.old] = sighting
        if failure == "after":
            raise Unavailable("answer lost")


@dataclass
class Clock:
    now: float = NOON

    def __call__(self) -> float:
        return self.now


def a_witness(sightings: MemorySightings, clock: Clock | None = None) -> WitnessStand:
    """One execution environment of the witness: others may share its memory."""
    return WitnessStand(sightings, WITNESS, NAME, [LOG_KEY], clock or Clock())
