"""C2SP tlog-proof: that a line is in the log, as one text that is checked offline. No IO of its own.

Holds the leaf's index, its inclusion proof and the checkpoint that this leads to. ``extra`` is opaque and not
authenticated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from phivault.audit.log import checkpoint as checkpoints
from phivault.audit.log.merkle import HASH_SIZE, leaf_hash, verify_inclusion
from phivault.audit.log.note import MAX_NOTE, VerifierKey, decode_base64, encode_base64
from phivault.errors import IntegrityError

_HEADER: Final = "c2sp.org/tlog-proof@v1"
_MAX_HASHES: Final = 63
_MAX_PROOF: Final = 2 * MAX_NOTE


@dataclass(frozen=True, slots=True)
class Proof:
    """``hashes`` from the leaf's sibling up; ``checkpoint_note`` as the log published it."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint_note: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        lines = [_HEADER]
        if self.extra:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines += [f"index {self.index}", *map(encode_base64, self.hashes), "", ""]
        return "\n".join(lines).encode() + self.checkpoint_note

    def verify(
        self, entry: bytes, log_key: VerifierKey, witness_key: VerifierKey | None = None
    ) -> checkpoints.VerifiedCheckpoint:
        """That ``entry`` (a line without its newline) is in the log of ``log_key``, under a checkpoint that the
        witness, if given, has cosigned. Raises IntegrityError."""
        verified = checkpoints.verify(self.checkpoint_note, log_key, witness_key)
        if witness_key and verified.witnessed_at is None:
            raise IntegrityError("the proof's checkpoint isn't witnessed")
        tree = verified.checkpoint
        verify_inclusion(leaf_hash(entry), self.index, tree.size, self.hashes, tree.root)
        return verified


def parse(data: bytes) -> Proof:
    """Reads a proof in its only form. Raises IntegrityError. ``Proof.verify`` decides whether it proves anything."""
    if len(data) > _MAX_PROOF:
        raise IntegrityError("a proof is too long")
    head, blank, note = data.partition(b"\n\n")
    if not blank:
        raise IntegrityError("a proof has no blank line before its checkpoint")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise IntegrityError("a proof's head isn't ASCII") from None
    if lines.pop(0) != _HEADER:
        raise IntegrityError("a proof's first line isn't the format's name")
    extra = _extra(lines)
    if not lines or not lines[0].startswith("index "):
        raise IntegrityError("a proof has no index")
    index = checkpoints.parse_decimal(lines.pop(0).removeprefix("index "), "a proof's index")
    return Proof(index, _hashes(lines), note, extra)


def _extra(lines: list[str]) -> bytes:
    """Takes the optional line of extra data off ``lines``."""
    if not lines or not lines[0].startswith("extra "):
        return b""
    extra = decode_base64(lines.pop(0).removeprefix("extra "), "a proof's extra data")
    if not extra:
        raise IntegrityError("a proof's extra data is empty")
    return extra


def _hashes(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > _MAX_HASHES:
        raise IntegrityError("a proof has too many hashes")
    hashes = tuple(decode_base64(line, "a proof's hash") for line in lines)
    if any(len(each) != HASH_SIZE for each in hashes):
        raise IntegrityError("a proof's hash isn't 32 bytes long")
    return hashes
