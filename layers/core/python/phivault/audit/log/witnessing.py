"""Asking a witness: C2SP tlog-witness, its ``add-checkpoint`` call. No IO of its own.

The request's text is the body that C2SP names, so that a witness of somebody else's can be asked the same over HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from phivault.audit.log.checkpoint import parse_decimal
from phivault.audit.log.merkle import HASH_SIZE
from phivault.audit.log.note import decode_base64, encode_base64
from phivault.errors import IntegrityError, InvalidInput

MAX_REQUEST: Final = 16_384
"""Characters. A checkpoint of this log has some 300, a proof at most 63 lines of 45."""
MAX_PROOF: Final = 63


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` as C2SP gives it over HTTP:

    200 cosigned, ``body`` is the witness's signature lines · 400 malformed, or ``old`` beyond the checkpoint · 403 not
    signed by the log · 404 another log · 409 ``old`` isn't what the witness saw last, or the size is but the root
    isn't: ``body`` is the size it saw last and a newline · 422 the consistency proof doesn't hold.
    """

    status: int
    body: str


class Witness(Protocol):
    """Somebody else who remembers the log. Obligations: what a witness has cosigned it never forgets, and it cosigns
    nothing that isn't consistent with all of it. A repeated request for the newest size is cosigned with a new time.
    Raises Unavailable; the witness may then have accepted the checkpoint or not (a 409 with its size tells later)."""

    def add_checkpoint(self, old: int, proof: Sequence[bytes], note: bytes) -> Answer:
        """``old`` is the size that the witness saw last (0: none), ``proof`` leads from there to the checkpoint in the
        signed ``note`` (RFC 6962, section 2.1.2)."""


@dataclass(frozen=True, slots=True)
class Request:
    old: int
    proof: tuple[bytes, ...]
    note: bytes


def encode_request(old: int, proof: Sequence[bytes], note: bytes) -> str:
    head = [f"old {old}", *(encode_base64(each) for each in proof)]
    return "\n".join(head) + "\n\n" + note.decode()


def parse_request(body: str) -> Request:
    """Reads what ``encode_request`` writes, and nothing else. The note isn't looked at. Raises InvalidInput."""
    if len(body) > MAX_REQUEST:
        raise InvalidInput("A request to the witness is too long")
    head, blank, note = body.partition("\n\n")
    old, *proof = head.split("\n")
    if not blank or not old.startswith("old ") or len(proof) > MAX_PROOF:
        raise InvalidInput("A request to the witness is malformed")
    try:
        size = parse_decimal(old.removeprefix("old "), "the old size")
        return Request(size, tuple(_hash(line) for line in proof), note.encode())
    except (IntegrityError, UnicodeEncodeError):
        raise InvalidInput("A request to the witness is malformed") from None


def _hash(line: str) -> bytes:
    found = decode_base64(line, "a hash of the proof")
    if len(found) != HASH_SIZE:
        raise IntegrityError("a hash of the proof is malformed")
    return found
