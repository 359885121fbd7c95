"""Where everything lies in an export, format version 1. Paths are relative, with ``/`` between their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from phivault.audit.log.tiles import tiles_of
from phivault.errors import IntegrityError

SEGMENT: Final = 1 << 16
"""Leaves in a segment; a segment begins at a multiple of it, so that a full one is a node of the tree."""

README: Final = "README.md"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
CHECKPOINT: Final = "checkpoint"
LOG_KEY: Final = "keys/log.vkey"
WITNESS_KEY: Final = "keys/witness.vkey"
UNSEALED: Final = "objects/unsealed.ndjson.zst"
UNLISTED: Final = frozenset({MANIFEST, SIGNATURE})
"""What the manifest can't list."""

MAX_SIZE: Final = 10**12 - 1
"""The largest tree: a leaf's index has at most 12 digits in a name."""

_PATH: Final = re.compile(
    r"""
      README\.md | manifest\.(json|sig) | checkpoint
    | checkpoints/\d{4}-\d\d-\d\dT\d\d
    | keys/(log|witness)\.vkey
    | tile/[0-5]/(x\d{3}/)*\d{3}(\.p/[1-9]\d{0,2})?
    | segments/\d{12}\.ndjson\.zst
    | objects/(\d{12}|unsealed)\.ndjson\.zst
    """,
    re.VERBOSE | re.ASCII,
)
_MAX_PATH: Final = 64


def is_path(path: str) -> bool:
    """Whether a file of an export may have this path: it names a known place and can't lead out of the folder."""
    return len(path) <= _MAX_PATH and _PATH.fullmatch(path) is not None


def check_path(path: str) -> None:
    """Raises IntegrityError unless ``is_path``; the message doesn't repeat what a stranger wrote."""
    if not is_path(path):
        raise IntegrityError("An export names a file that no export has")


def lines_path(first: int) -> str:
    """The lines of the segment whose first leaf is ``first``."""
    return f"segments/{first:012d}.ndjson.zst"


def objects_path(first: int) -> str:
    """The objects whose first line lies in that segment."""
    return f"objects/{first:012d}.ndjson.zst"


def checkpoint_path(hour: str) -> str:
    """The locked checkpoint of an hour, ``yyyy-mm-ddTHH``."""
    return f"checkpoints/{hour}"


def tile_paths(size: int) -> Iterator[str]:
    """Every hash tile of the tree of ``size`` leaves, level by level, with the partial one at each right edge."""
    return (tile.path for tile in tiles_of(size))
