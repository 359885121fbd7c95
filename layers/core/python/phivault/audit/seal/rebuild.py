"""The sealer's progress, made again from the log, should what was staged for its checkpoint be lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from phivault.audit.canonical import Genesis, line_hash, parse
from phivault.audit.log.checkpoint import Checkpoint
from phivault.audit.log.merkle import Frontier, leaf_hashes
from phivault.audit.log.tiles import bundles_of, decode_entries
from phivault.audit.seal.progress import Position, Progress
from phivault.errors import IntegrityError, NotFound


def rebuild(read: Callable[[str], bytes], checkpoint: Checkpoint, now: datetime) -> Progress:
    """Reads every entry of the tree of ``checkpoint``. Raises IntegrityError where they don't give its root."""
    tree, writers = Frontier(), dict[str, Position]()
    try:
        for bundle in bundles_of(checkpoint.size):
            lines = decode_entries(read(bundle.path))
            tree.extend(leaf_hashes(lines))
            writers.update(_position(line, now) for line in lines)
    except NotFound:
        raise IntegrityError("What was staged for the log's checkpoint is gone, and it was not published") from None
    if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
        raise IntegrityError("The log's entries don't give its root")
    return Progress("", writers)


def _position(line: bytes, now: datetime) -> tuple[str, Position]:
    entry = parse(line)
    writer, sequence = (entry.writer, 0) if isinstance(entry, Genesis) else (entry.link.writer, entry.link.sequence)
    return writer, Position(sequence + 1, line_hash(line), int(now.timestamp()))
