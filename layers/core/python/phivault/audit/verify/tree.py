"""V3: the lines' hashes give the tiles, and these the checkpoint's root. Everything is computed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phivault.audit.export.manifest import File
from phivault.audit.log.merkle import HASH_SIZE, root
from phivault.audit.log.tiles import WIDTH, Tile, tiles_over
from phivault.audit.verify import contents
from phivault.audit.verify.files import Files
from phivault.audit.verify.finding import Findings, Step


def leaves_in_tiles(
    found: Findings, files: Files, listed: Mapping[str, File], first: int, count: int
) -> list[bytes] | None:
    """The leaf hashes of a part of the log whose lines aren't here."""
    leaves: list[bytes] = []
    for start in range(first, first + count, WIDTH):
        path = Tile(0, start // WIDTH, min(WIDTH, first + count - start)).path
        body = contents.read(found, files, path, listed)
        if body is None or len(body) != HASH_SIZE * min(WIDTH, first + count - start):
            found.add(Step.TREE, "A tile of lines that aren't in this export can't be read", path=path)
            return None
        leaves += [body[at : at + HASH_SIZE] for at in range(0, len(body), HASH_SIZE)]
    return leaves


def check_segment(
    found: Findings, files: Files, listed: Mapping[str, File], first: int, leaves: Sequence[bytes]
) -> bytes:
    """Compares the two levels of tiles over a segment. Its root."""
    tiles, nodes = tiles_over(0, first, leaves)
    above, tops = tiles_over(1, first // WIDTH, nodes)
    _compare(found, files, listed, tiles + above)
    if tops:
        return tops[0]
    rest = leaves[len(nodes) * WIDTH :]
    return root([*nodes, root(rest)] if rest else nodes)


def check_upper(found: Findings, files: Files, listed: Mapping[str, File], roots: Sequence[bytes]) -> None:
    """Compares the levels of tiles over segments; ``roots`` are those of the full segments."""
    level, hashes = 2, list(roots)
    while hashes:
        tiles, hashes = tiles_over(level, 0, hashes)
        _compare(found, files, listed, tiles)
        level += 1


def _compare(found: Findings, files: Files, listed: Mapping[str, File], tiles: Sequence[tuple[Tile, bytes]]) -> None:
    for tile, body in tiles:
        held = contents.read(found, files, tile.path, listed)
        if held is None or held == body:
            continue
        same = (held[at : at + HASH_SIZE] == body[at : at + HASH_SIZE] for at in range(0, len(body), HASH_SIZE))
        differs = next((at for at, equal in enumerate(same) if not equal), 0)
        leaf = (tile.index * WIDTH + differs) * WIDTH**tile.level
        found.add(Step.TREE, "A tile is not what the lines give", path=tile.path, leaf=leaf)
