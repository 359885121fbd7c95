"""The witness's part: a committed checkpoint, shown with the proof that it extends what the witness last saw."""

from __future__ import annotations

from typing import Final

from phivault.audit.log.checkpoint import Checkpoint, parse_decimal
from phivault.audit.log.merkle import consistency_proof
from phivault.audit.log.note import Note, Signature, VerifierKey, parse_signatures
from phivault.audit.log.store import LogReader
from phivault.audit.log.tiles import TileNodes
from phivault.audit.log.witnessing import Witness
from phivault.errors import Conflict, IntegrityError, Unavailable

_TRIES: Final = 3


def cosign(
    witness: Witness, key: VerifierKey, log: LogReader, note: Note, checkpoint: Checkpoint, known: int
) -> Signature:
    """The witness's cosignature, as it answers it; it last saw ``known`` leaves, as far as we remember.

    Raises Unavailable; Conflict where the witness knows a larger tree; IntegrityError where it refuses.
    """
    nodes, encoded = TileNodes(log.tile, checkpoint.size), note.encode()
    for _ in range(_TRIES):
        answer = witness.add_checkpoint(known, consistency_proof(nodes, known, checkpoint.size), encoded)
        if answer.status == 200:
            return _cosignature(answer.body, key)
        if answer.status != 409:
            raise IntegrityError(f"The witness refuses the log's checkpoint ({answer.status})")
        told, known = known, parse_decimal(answer.body.removesuffix("\n"), "the witness's size")
        if known > checkpoint.size:
            raise Conflict("The witness knows a larger log")
        if known == told:
            raise IntegrityError("The witness knows another root of this size")
    raise Unavailable("The witness doesn't settle on a size")


def _cosignature(body: str, key: VerifierKey) -> Signature:
    for signature in parse_signatures(body):
        if (signature.name, signature.key_id) == (key.name, key.key_id):
            return signature
    raise IntegrityError("The witness answered without its cosignature")
