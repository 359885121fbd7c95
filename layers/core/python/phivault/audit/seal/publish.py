"""The log as its readers see it: the tiles and bundles of committed checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from phivault.audit.log.tiles import WIDTH, Bundle, Tile
from phivault.audit.seal.store import SealStore


def publish(store: SealStore, files: Sequence[tuple[str, bytes]], pool: Executor) -> None:
    """All of it or an error; again after one. Only for a checkpoint that is committed: there is one history of
    those, so a path has one content whoever writes it, and however late."""
    list(pool.map(lambda file: store.publish(*file), files))


def withdraw(store: SealStore, old: int, size: int) -> None:
    """Remove the partial tiles of the tree of ``old`` leaves that the published tree of ``size`` doesn't have."""
    for path in sorted(set(_partial(old)) - set(_partial(size))):
        store.withdraw(path)


def _partial(size: int) -> Iterator[str]:
    if size % WIDTH:
        yield Bundle(size // WIDTH, size % WIDTH).path
    level, hashes = 0, size
    while hashes:
        if hashes % WIDTH:
            yield Tile(level, hashes // WIDTH, hashes % WIDTH).path
        level, hashes = level + 1, hashes // WIDTH
