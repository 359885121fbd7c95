"""Verifies an export of the audit log with aics-tlog and none of phivault's code.

``verify_export.py FOLDER LOG_VKEY WITNESS_VKEY``: opens the checkpoint under both keys, then has ``audit_tiles`` check
every tile, and every line as an entry of the log. Exit 0: all of it is the checkpoint's; 1: something isn't.
"""

from __future__ import annotations

import sys
from pathlib import Path

import aics_tlog
import zstandard
from aics_tlog.tiles import build_entry_bundle


class Export(aics_tlog.FileSystemTileReader):
    """An export has the lines in segments in place of entry bundles."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lines: list[bytes] = []
        for path in sorted(folder.glob("segments/*.ndjson.zst")):
            body = zstandard.ZstdDecompressor().decompress(path.read_bytes(), allow_extra_data=False)
            *lines, rest = body.split(b"\n")
            if rest:
                raise ValueError("a segment doesn't end in a newline")
            self.lines += lines

    def read_entry_bundle(self, index: int, width: int | None) -> bytes:
        return build_entry_bundle(self.lines[index * 256 :][: width or 256])


def verify(folder: Path, log_vkey: str, witness_vkey: str) -> int:
    note = aics_tlog.parse_note((folder / "checkpoint").read_bytes())
    log_key, witness_key = aics_tlog.parse_vkey(log_vkey), aics_tlog.parse_vkey(witness_vkey)
    opened = aics_tlog.verify_checkpoint(note, log_key, [witness_key], 1, expected_origin=log_key.name)
    if not opened.ok:
        raise ValueError(opened.error or "the checkpoint lacks a signature")
    checkpoint = aics_tlog.parse_checkpoint(note.text)
    export = Export(folder)
    if len(export.lines) != checkpoint.size or not checkpoint.size:
        raise ValueError("there are more or fewer lines than leaves")
    return aics_tlog.audit_tiles(export, checkpoint.size, checkpoint.root).size


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{verify(Path(sys.argv[1]), sys.argv[2], sys.argv[3])}\n")
    except (ValueError, OSError, zstandard.ZstdError) as error:
        sys.exit(f"invalid: {error}")
