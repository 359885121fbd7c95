"""Verifies an export of the audit log with aics-tlog and none of phivault's code.

``verify_export.py FOLDER LOG_VKEY WITNESS_VKEY``: opens the checkpoint under both keys, has ``audit_tiles`` check every
tile, and compares every line with its leaf. Exit 0: all of it is the checkpoint's, and how many lines there are and how
many of them are withheld (another tenant's, shown by their leaf's hash); 1: something isn't.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import aics_tlog
import zstandard
from aics_tlog.hashing import leaf_hash

WIDTH = 256


def lines_of(folder: Path) -> list[bytes]:
    lines: list[bytes] = []
    for path in sorted(folder.glob("segments/*.ndjson.zst")):
        body = zstandard.ZstdDecompressor().decompress(path.read_bytes(), allow_extra_data=False)
        *ended, rest = body.split(b"\n")
        if rest:
            raise ValueError("a segment doesn't end in a newline")
        lines += ended
    return lines


def is_withheld(line: bytes) -> bool:
    return b'"kind":"withheld"' in line


def leaf_of(line: bytes) -> bytes:
    return bytes.fromhex(json.loads(line)["leaf"]) if is_withheld(line) else leaf_hash(line)


def verify(folder: Path, log_vkey: str, witness_vkey: str) -> tuple[int, int]:
    note = aics_tlog.parse_note((folder / "checkpoint").read_bytes())
    log_key, witness_key = aics_tlog.parse_vkey(log_vkey), aics_tlog.parse_vkey(witness_vkey)
    opened = aics_tlog.verify_checkpoint(note, log_key, [witness_key], 1, expected_origin=log_key.name)
    if not opened.ok:
        raise ValueError(opened.error or "the checkpoint lacks a signature")
    checkpoint = aics_tlog.parse_checkpoint(note.text)
    lines = lines_of(folder)
    if len(lines) != checkpoint.size or not checkpoint.size:
        raise ValueError("there are more or fewer lines than leaves")
    tiles = aics_tlog.FileSystemTileReader(folder)
    # It would read the lines from entry bundles, which an export hasn't: what it authenticates are the leaves' hashes.
    aics_tlog.audit_tiles(tiles, checkpoint.size, checkpoint.root, entries=False)
    for first in range(0, len(lines), WIDTH):
        leaves = [leaf_of(line) for line in lines[first : first + WIDTH]]
        partial = len(leaves) if len(leaves) < WIDTH else None
        if tiles.read_tile(0, first // WIDTH, partial) != b"".join(leaves):
            raise ValueError(f"a line from {first} on is another than the leaf of its place")
    return checkpoint.size, sum(map(is_withheld, lines))


if __name__ == "__main__":
    try:
        size, withheld = verify(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
        sys.stdout.write(f"{size} {withheld}\n")
    except (ValueError, OSError, zstandard.ZstdError) as error:
        sys.exit(f"invalid: {error}")
