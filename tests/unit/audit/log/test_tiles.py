from __future__ import annotations

from hashlib import sha256

import pytest
from aics_tlog.tiles import materialise_tiles
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.audit.log import merkle, tiles
from phivault.errors import IntegrityError

Files = dict[str, bytes]


def _lines(count: int, first: int = 0) -> list[bytes]:
    return [b'{"n":%d}' % number for number in range(first, first + count)]


def _grown(*steps: int) -> tuple[Files, tiles.Growth]:
    """A log grown step by step, each step reading nothing that the one before left partial and isn't its edge."""
    files: Files = {}
    growth = tiles.Growth(0, merkle.EMPTY_ROOT, [])
    for step in steps:
        growth = tiles.grow(files.__getitem__, growth.size, _lines(step, growth.size), old_root=growth.root)
        files |= growth.files
    return files, growth


def _of_tree(files: Files, size: int) -> Files:
    paths = [each.path for each in (*tiles.tiles_of(size), *tiles.bundles_of(size))]
    return {path: files[path] for path in paths}


@given(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 600)), max_size=6))
@settings(max_examples=40, deadline=None)
def test_growing_in_any_steps_equals_building_at_once(steps: list[int]) -> None:
    files, growth = _grown(*steps)
    at_once, whole = _grown(sum(steps))
    assert (growth.size, growth.root) == (whole.size, whole.root)
    assert _of_tree(files, growth.size) == at_once
    assert growth.root == merkle.root(merkle.leaf_hashes(_lines(growth.size)))


@pytest.mark.parametrize("size", [1, 255, 256, 257, 70_000])
def test_another_implementation_makes_the_same_files(size: int) -> None:
    files, _ = _grown(size)
    assert files == materialise_tiles(_lines(size))


def test_growth_across_65536_leaves() -> None:
    files, growth = _grown(65_535, 2, 300)
    assert _of_tree(files, growth.size) == _grown(65_837)[0]


def test_growing_reads_the_right_edge_alone() -> None:
    files, growth = _grown(70_000)
    read: list[str] = []

    def reading(path: str) -> bytes:
        read.append(path)
        return files[path]

    grown = tiles.grow(reading, growth.size, _lines(1, growth.size), old_root=growth.root)
    edge = ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112"]
    assert sorted(read) == edge
    assert [path for path, _ in grown.files] == ["tile/entries/273.p/113", "tile/0/273.p/113"]


def test_growing_by_nothing_changes_nothing() -> None:
    files, growth = _grown(300)
    assert tiles.grow(files.__getitem__, 300, [], old_root=growth.root) == tiles.Growth(300, growth.root, [])


@pytest.mark.parametrize("path", ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"])
def test_an_altered_edge_is_never_built_upon(path: str) -> None:
    files, growth = _grown(300)
    for wrong in (files[path][:-1] + bytes([files[path][-1] ^ 1]), files[path][:-1], files[path] * 2, b""):
        with pytest.raises(IntegrityError):
            tiles.grow((files | {path: wrong}).__getitem__, 300, _lines(1, 300), old_root=growth.root)


def test_an_old_tree_needs_its_root() -> None:
    files, _ = _grown(300)
    with pytest.raises(IntegrityError):
        tiles.grow(files.__getitem__, 300, _lines(1, 300))
    with pytest.raises(IntegrityError):
        tiles.grow({}.__getitem__, 0, _lines(1), old_root=sha256(b"x").digest())


@given(st.integers(1, 1500), st.data())
@settings(max_examples=40, deadline=None)
def test_proofs_from_tiles_verify(size: int, data: st.DataObject) -> None:
    files, growth = _grown(size)
    nodes = tiles.TileNodes(files.__getitem__, size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    leaves = merkle.leaf_hashes(_lines(size))
    proof = merkle.inclusion_proof(nodes, index, size)
    merkle.verify_inclusion(leaves[index], index, size, proof, growth.root)
    earlier = merkle.root_at(nodes, old)
    assert earlier == merkle.root(leaves[:old])
    merkle.verify_consistency(old, earlier, size, growth.root, merkle.consistency_proof(nodes, old, size))


def test_nodes_read_each_tile_once_and_refuse_what_is_no_tile() -> None:
    files, _ = _grown(600)
    read: list[str] = []
    nodes = tiles.TileNodes(lambda path: read.append(path) or files[path], 600)
    for index in range(600):
        nodes.node(0, index)
    assert len(read) == 3
    for level, index in ((0, 600), (9, 1), (10, 0), (-1, 0), (0, -1)):
        with pytest.raises(IntegrityError):
            nodes.node(level, index)
    short = tiles.TileNodes(lambda path: files[path][1:], 600)
    with pytest.raises(IntegrityError):
        short.node(0, 0)


PATHS = {
    "tile/0/000": tiles.Tile(0, 0),
    "tile/0/000.p/1": tiles.Tile(0, 0, 1),
    "tile/3/x001/x234/067": tiles.Tile(3, 1_234_067),
    "tile/63/999.p/255": tiles.Tile(63, 999, 255),
    "tile/entries/x001/000": tiles.Bundle(1000),
    "tile/entries/x001/x000/000.p/17": tiles.Bundle(1_000_000, 17),
}


@pytest.mark.parametrize(("path", "named"), PATHS.items())
def test_paths(path: str, named: tiles.Tile | tiles.Bundle) -> None:
    assert named.path == path
    assert tiles.parse_path(path) == named


@pytest.mark.parametrize(
    "path",
    [
        "", "tile/0/", "tile/0/0", "tile/00/000", "tile/64/000", "tile/0/x000/001", "tile/0/001/000", "tile/0/x001",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/data/000", "/tile/0/000",
        "tile/0/000\n", "tile/0/../0/000", "tile/0/٠٠٠", "tile/-1/000", "tile/entries/x001/x/000", "tile/0/000/",
    ],
)  # fmt: skip
def test_other_spellings_of_a_path_are_refused(path: str) -> None:
    with pytest.raises(IntegrityError):
        tiles.parse_path(path)


@given(st.text(alphabet="tile/0123x.pnrs", max_size=30))
def test_an_accepted_path_is_the_only_spelling(path: str) -> None:
    try:
        named = tiles.parse_path(path)
    except IntegrityError:
        return
    assert named.path == path


def test_the_tiles_of_a_size() -> None:
    """The example of C2SP tlog-tiles."""
    by_level: dict[int, list[int]] = {}
    for tile in tiles.tiles_of(70_000):
        by_level.setdefault(tile.level, []).append(tile.width)
    assert by_level == {0: [256] * 273 + [112], 1: [256, 17], 2: [1]}
    assert [tile.path for tile in tiles.tiles_of(256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert [bundle.width for bundle in tiles.bundles_of(300)] == [256, 44]
    assert [*tiles.tiles_of(0), *tiles.bundles_of(0)] == []


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_entries_round_trip(lines: list[bytes]) -> None:
    assert tiles.decode_entries(tiles.encode_entries(lines)) == lines


@given(st.binary(max_size=60))
def test_accepted_entries_encode_to_themselves(body: bytes) -> None:
    try:
        lines = tiles.decode_entries(body)
    except IntegrityError:
        return
    assert tiles.encode_entries(lines) == body


def test_an_entry_fits_its_length() -> None:
    longest = b"x" * tiles.MAX_ENTRY
    assert tiles.decode_entries(tiles.encode_entries([longest])) == [longest]
    with pytest.raises(IntegrityError):
        tiles.encode_entries([longest + b"x"])


def test_tiles_over_begin_at_a_tile() -> None:
    with pytest.raises(ValueError, match="256"):
        tiles.tiles_over(0, 255, [merkle.EMPTY_ROOT])
