"""C2SP tlog-checkpoint: a log's size and root, as a signed note. No IO of its own.

Read strictly: exactly three lines (this log uses no extension lines), decimals without leading zeros, canonical
base64, so that an accepted checkpoint re-encodes to itself. The log's key bears the origin as its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from phivault.audit.log.merkle import EMPTY_ROOT, HASH_SIZE
from phivault.audit.log.note import (
    COSIGNATURE,
    ED25519,
    VerifierKey,
    decode_base64,
    encode_base64,
    is_key_name,
    open_note,
)
from phivault.audit.log.note import parse as parse_note
from phivault.errors import IntegrityError, InvalidInput

_MAX_SIZE: Final = 2**63 - 1
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note's text."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint that the log signed. ``witnessed_at`` (Unix seconds) is the witness's time, None if it bears no
    cosignature of the given witness, or none was given."""

    checkpoint: Checkpoint
    witnessed_at: int | None


def parse(text: str) -> Checkpoint:
    """Reads a note's text. Raises IntegrityError. Nothing in it may be believed before ``verify``."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise IntegrityError("a checkpoint hasn't three lines")
    if not is_key_name(lines[0]):
        raise IntegrityError("a checkpoint's origin is malformed")
    size = parse_decimal(lines[1], "a checkpoint's size")
    root = decode_base64(lines[2], "a checkpoint's root")
    if len(root) != HASH_SIZE or (size == 0 and root != EMPTY_ROOT):
        raise IntegrityError("a checkpoint's root is malformed")
    return Checkpoint(lines[0], size, root)


def verify(note: bytes, log_key: VerifierKey, witness_key: VerifierKey | None = None) -> VerifiedCheckpoint:
    """Opens a checkpoint: well-formed, signed by the log, of the origin that its key names. A cosignature of the
    witness must verify if there is one; whoever needs one looks at ``witnessed_at``. Raises IntegrityError;
    InvalidInput for keys of the wrong type."""
    if log_key.kind != ED25519 or (witness_key and witness_key.kind != COSIGNATURE):
        raise InvalidInput("a verifier key is of the wrong type for its role")
    if witness_key and witness_key.public_key == log_key.public_key:
        raise InvalidInput("the witness's key is the log's own")
    opened = parse_note(note)
    keys = [log_key, witness_key] if witness_key else [log_key]
    times = {verified.key: verified.timestamp for verified in open_note(opened, keys)}
    if log_key not in times:
        raise IntegrityError("a checkpoint isn't signed by the log")
    checkpoint = parse(opened.text)
    if checkpoint.origin != log_key.name:
        raise IntegrityError("a checkpoint is of another log")
    return VerifiedCheckpoint(checkpoint, times.get(witness_key) if witness_key else None)


def parse_decimal(text: str, what: str) -> int:
    """A number from 0 to 2^63 - 1 without leading zeros. Raises IntegrityError naming ``what``."""
    if not _DECIMAL.fullmatch(text) or int(text) > _MAX_SIZE:
        raise IntegrityError(f"{what} isn't a canonical decimal")
    return int(text)
