"""C2SP tlog-tiles: the tree stored as tiles of 256 hashes, the lines as bundles of 256 entries. No IO of its own.

Level 0 holds leaf hashes; a hash of level ``l + 1`` is the root over a full tile of level ``l``. The rightmost tile of
a level is partial (width 1 to 255) unless it is full; empty ones don't exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from phivault.audit.log.merkle import EMPTY_ROOT, HASH_SIZE, leaf_hashes, root, subtree_root
from phivault.errors import IntegrityError

WIDTH: Final = 256
MAX_ENTRY: Final = 0xFFFF
_HEIGHT: Final = 8
_MAX_LEVEL: Final = 63
_CACHED_TILES: Final = 1024  # 8 MiB of hashes
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Tile:
    """Hashes ``index * 256`` to ``index * 256 + width`` of a level. The body is ``width`` hashes."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        return f"tile/{self.level}/{_index_path(self.index, self.width)}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Entries ``index * 256`` to ``index * 256 + width`` of the log."""

    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        return f"tile/entries/{_index_path(self.index, self.width)}"


@dataclass(frozen=True, slots=True)
class Growth:
    """What ``grow`` made: the tree's new size and root, and every file that is new or wider than before."""

    size: int
    root: bytes
    files: list[tuple[str, bytes]]


def entries_path(index: int, width: int = WIDTH) -> str:
    return Bundle(index, width).path


def parse_path(text: str) -> Tile | Bundle:
    """Reads a path in its only form. Raises IntegrityError."""
    match = _PATH.fullmatch(text)
    if match is None:
        raise IntegrityError("a path isn't a tile's")
    index = int(match["index"].replace("/", "").replace("x", ""))
    width = int(match["width"] or WIDTH)
    named = Bundle(index, width) if match["level"] == "entries" else Tile(int(match["level"]), index, width)
    if named.path != text or not 0 < width <= WIDTH or (isinstance(named, Tile) and named.level > _MAX_LEVEL):
        raise IntegrityError("a path isn't a tile's")
    return named


def tiles_of(size: int) -> Iterator[Tile]:
    """Every hash tile of the tree of ``size``, full and partial, level by level."""
    level, hashes = 0, size
    while hashes:
        for index in range(-(-hashes // WIDTH)):
            yield Tile(level, index, min(WIDTH, hashes - index * WIDTH))
        level, hashes = level + 1, hashes // WIDTH


def bundles_of(size: int) -> Iterator[Bundle]:
    """Every entry bundle of the log of ``size``."""
    for index in range(-(-size // WIDTH)):
        yield Bundle(index, min(WIDTH, size - index * WIDTH))


def encode_entries(lines: Sequence[bytes]) -> bytes:
    """Each line behind its length, two bytes big-endian. Raises IntegrityError for a line above 65,535 bytes."""
    if any(len(line) > MAX_ENTRY for line in lines):
        raise IntegrityError("a line is too long for an entry bundle")
    return b"".join([len(line).to_bytes(2) + line for line in lines])


def decode_entries(bundle: bytes) -> list[bytes]:
    """The lines of an entry bundle. Raises IntegrityError where it ends inside of one."""
    lines: list[bytes] = []
    at, end = 0, len(bundle)
    while at < end:
        start = at + 2
        at = start + int.from_bytes(bundle[at:start])
        if start > end or at > end:
            raise IntegrityError("an entry bundle ends inside of an entry")
        lines.append(bundle[start:at])
    return lines


class TileNodes:
    """``merkle.Nodes`` over the hash tiles of a tree of ``size``; ``read`` takes a path. What it reads isn't checked
    against anything but its length: verify what is made from it against a checkpoint."""

    def __init__(self, read: Callable[[str], bytes], size: int) -> None:
        self._read = read
        self._size = size
        self._hashes = lru_cache(_CACHED_TILES)(self._load)

    def node(self, level: int, index: int) -> bytes:
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise IntegrityError("a node lies outside of the tree")
        tile_level, above = divmod(level, _HEIGHT)
        tile, first = divmod(index << above, WIDTH)
        return subtree_root(self._hashes(tile_level, tile)[first : first + (1 << above)])

    def _load(self, level: int, index: int) -> list[bytes]:
        hashes = self._size >> (_HEIGHT * level)
        tile = Tile(level, index, min(WIDTH, hashes - index * WIDTH))
        return _hashes_of(tile, self._read(tile.path))


def tiles_over(level: int, first: int, hashes: Sequence[bytes]) -> tuple[list[tuple[Tile, bytes]], list[bytes]]:
    """The tiles of a level over ``hashes``, the first of which is the level's hash number ``first`` (a multiple of
    256), and the hashes that the full ones give the level above."""
    if first % WIDTH:
        raise ValueError("a tile begins at a multiple of 256")
    tiles: list[tuple[Tile, bytes]] = []
    above: list[bytes] = []
    for start in range(0, len(hashes), WIDTH):
        held = hashes[start : start + WIDTH]
        tiles.append((Tile(level, (first + start) // WIDTH, len(held)), b"".join(held)))
        if len(held) == WIDTH:
            above.append(subtree_root(held))
    return tiles, above


def grow(
    read: Callable[[str], bytes], old_size: int, lines: Sequence[bytes], *, old_root: bytes = EMPTY_ROOT
) -> Growth:
    """Appends lines to the tree of ``old_size`` whose root is ``old_root``. Only the partial tiles and the partial
    bundle of its right edge are read; they must give ``old_root``, so an altered one is never built upon. Raises
    IntegrityError, and what ``read`` raises."""
    edge, entries = _read_edge(read, old_size, old_root)
    if not lines:
        return Growth(old_size, old_root, [])
    files = _bundles(old_size // WIDTH, [*entries, *lines])
    level, fresh = 0, leaf_hashes(lines)
    while fresh:
        if level == len(edge):
            edge.append([])
        first = (old_size >> (_HEIGHT * level)) - len(edge[level])
        hashes = edge[level] + fresh
        tiles, fresh = tiles_over(level, first, hashes)
        files += [(tile.path, body) for tile, body in tiles]
        edge[level] = hashes[len(hashes) - len(hashes) % WIDTH :]
        level += 1
    return Growth(old_size + len(lines), _edge_root(edge), files)


def _read_edge(read: Callable[[str], bytes], size: int, trusted: bytes) -> tuple[list[list[bytes]], list[bytes]]:
    """The hashes of each level's partial tile, and the entries of the partial bundle."""
    edge: list[list[bytes]] = []
    hashes = size
    while hashes:
        tile = Tile(len(edge), hashes // WIDTH, hashes % WIDTH)
        edge.append(_hashes_of(tile, read(tile.path)) if tile.width else [])
        hashes //= WIDTH
    if _edge_root(edge) != trusted:
        raise IntegrityError("the tiles of the tree's edge don't give its root")
    entries = decode_entries(read(entries_path(size // WIDTH, size % WIDTH))) if size % WIDTH else []
    if leaf_hashes(entries) != (edge[0] if edge else []):
        raise IntegrityError("the last entry bundle isn't what its tile says")
    return edge, entries


def _edge_root(edge: Sequence[Sequence[bytes]]) -> bytes:
    """The root of a tree from the partial tile of each level: what is right of a level's hashes hangs beside them."""
    folded: list[bytes] = []
    for hashes in edge:
        if hashes:
            folded = [root([*hashes, *folded])]
    return folded[0] if folded else EMPTY_ROOT


def _bundles(first: int, lines: Sequence[bytes]) -> list[tuple[str, bytes]]:
    files: list[tuple[str, bytes]] = []
    for start in range(0, len(lines), WIDTH):
        held = lines[start : start + WIDTH]
        files.append((entries_path(first + start // WIDTH, len(held)), encode_entries(held)))
    return files


def _hashes_of(tile: Tile, body: bytes) -> list[bytes]:
    if len(body) != HASH_SIZE * tile.width:
        raise IntegrityError("a tile's length isn't that of its width")
    return [body[at : at + HASH_SIZE] for at in range(0, len(body), HASH_SIZE)]


def _index_path(index: int, width: int) -> str:
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == WIDTH else f"{path}.p/{width}"
