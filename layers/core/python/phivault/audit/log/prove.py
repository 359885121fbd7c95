"""A proof that an event is in the log, under a checkpoint that the witness has cosigned."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from phivault.audit.canonical import EventLine, encode
from phivault.audit.log import checkpoint as checkpoints
from phivault.audit.log.bracket import UNSEALED_RETRY_SECONDS, bracket, search, unsealed
from phivault.audit.log.locate import Bundles, locate
from phivault.audit.log.merkle import inclusion_proof, leaf_hash, verify_inclusion
from phivault.audit.log.note import parse as parse_note
from phivault.audit.log.proof import Proof
from phivault.audit.log.store import LogReader
from phivault.audit.log.tiles import TileNodes
from phivault.errors import NotFound, Unavailable

_PAUSES: Final = (0.0, 0.3, 0.7)  # a new checkpoint is cosigned within moments of its publication
_OUTAGE: Final = timedelta(hours=48)


def witnessed(
    log: LogReader,
    witness: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> bytes:
    """The newest checkpoint with a cosignature named ``witness``: a signed note. While the witness is out of reach, the
    last of the hourly ones. Raises Unavailable where there is none yet, or none of two days.

    It isn't verified here: whoever receives it does that, under keys of their own.
    """
    for pause in _PAUSES:
        sleep(pause)
        try:
            note = log.checkpoint()
        except NotFound:
            break
        if _bears(note, witness):
            return note
    hourly = [note for _, note in log.checkpoints(f"{now() - _OUTAGE:%Y-%m-%dT%H}") if _bears(note, witness)]
    if not hourly:
        raise Unavailable("The log has no witnessed checkpoint yet", retry_after=UNSEALED_RETRY_SECONDS)
    return hourly[-1]


def prove(log: LogReader, note: bytes, entry: EventLine) -> Proof:
    """The proof that ``entry`` is in the log of the checkpoint ``note``; its extra data is the event's line.

    Raises Unavailable for an event that isn't sealed yet, or that may stand in more of the log than is read for one
    proof; IntegrityError where the log doesn't hold it although it goes on after it, or where tiles don't lead to the
    checkpoint's root.
    """
    tree, line = checkpoints.parse(parse_note(note).text), encode(entry)
    index = _leaf(log, note, Bundles(log.tile, tree.size), entry, line)
    hashes = inclusion_proof(TileNodes(log.tile, tree.size), index, tree.size)
    verify_inclusion(leaf_hash(line), index, tree.size, hashes, tree.root)
    return Proof(index, tuple(hashes), note, extra=line)


def _leaf(log: LogReader, note: bytes, bundles: Bundles, entry: EventLine, line: bytes) -> int:
    found = locate(bundles, entry, line)
    if found is not None:
        return found
    at = datetime.fromisoformat(entry.event.timestamp)
    if bundles.size == 0 or bundles.time_of(bundles.size - 1) < at:
        raise unsealed()  # the usual case: an event of moments ago
    return search(bundles, bracket(log, note, bundles, at), entry, line)


def _bears(note: bytes, witness: str) -> bool:
    return any(signature.name == witness for signature in parse_note(note).signatures)
