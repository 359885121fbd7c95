"""Paths in an export."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.export import layout
from phivault.errors import IntegrityError


@given(st.integers(1, 2_000_000))
def test_every_hash_of_the_tree_has_one_tile(size: int) -> None:
    held: dict[int, int] = {}
    for path in layout.tile_paths(size):
        assert layout.is_path(path)
        level, width = int(path.split("/")[1]), int(path.split(".p/")[1]) if ".p/" in path else 256
        held[level] = held.get(level, 0) + width
    assert held == {level: size >> 8 * level for level in range(6) if size >> 8 * level}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/README.md",
        "../README.md",
        "segments/1.ndjson.zst",
        "segments/000000000000.ndjson.zst\n",
        "objects/./unsealed.ndjson.zst",
        "checkpoints/..",
        "tile/0/../000",
        "tile/entries/000",
        "tile/0/x001",
        "keys/other.vkey",
        "tile/0/" + "x000/" * 20 + "000",
    ],
)
def test_paths_that_no_export_has(path: str) -> None:
    with pytest.raises(IntegrityError):
        layout.check_path(path)
