"""Who holds nothing but the export's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.audit.export.conftest import run_command
from tests.support.exports import Keys, Trail, export

SEGMENT = "segments/000000000000.ndjson.zst"


def test_the_untouched_export_is_valid(log: Trail, verify: Any) -> None:
    for options in ((), ("--quick",)):
        assert verify(export(log), *options).exit == 0


@pytest.mark.parametrize("options", [(), ("--quick",)])
def test_an_edited_file_is_named(log: Trail, verify: Any, options: tuple[str, ...]) -> None:
    files = export(log)
    for path in (SEGMENT, "objects/000000000000.ndjson.zst", "tile/0/000", "checkpoints/2026-03-04T06", "README.md"):
        body = bytearray(files[path])
        body[len(body) // 2] ^= 1
        said = verify(files | {path: bytes(body)}, *options)
        assert said.exit == 1
        assert said.names("V1", "SHA-256", path=path), path


def test_a_missing_tile_is_named(log: Trail, verify: Any) -> None:
    files = export(log)
    del files["tile/0/000"]
    assert verify(files).names("V1", "missing", path="tile/0/000")


def test_an_added_file_is_named(log: Trail, verify: Any) -> None:
    said = verify(export(log) | {"tile/0/002": b"\0" * 8192, "a\x1b[31m": b""})
    assert said.exit == 1
    assert said.names("V1", "not in the manifest", path="'tile/0/002'")
    assert "\x1b" not in said.text


def test_swapped_tiles_are_named(log: Trail, verify: Any) -> None:
    files = export(log)
    files["tile/0/000"], files["tile/0/001.p/144"] = files["tile/0/001.p/144"], files["tile/0/000"]
    said = verify(files)
    assert said.names("V1", "size", path="tile/0/000")
    assert said.names("V3", "tile", path="tile/0/000")


def test_half_a_download(log: Trail, verify: Any) -> None:
    files = export(log)
    half = {path: files[path] for path in sorted(files)[: len(files) // 2]} | {
        path: files[path] for path in ("manifest.json", "manifest.sig")
    }
    said = verify(half)
    assert said.exit == 1
    assert said.names("V1", "missing")


def test_a_file_cut_short(log: Trail, verify: Any) -> None:
    files = export(log)
    assert verify(files | {SEGMENT: files[SEGMENT][:-7]}).names("V1", "size", path=SEGMENT)


def test_a_link_out_of_the_folder(log: Trail, verify: Any, keys: Keys, tmp_path: Path) -> None:
    verify(export(log))
    folder, outside = tmp_path / "export", tmp_path / "outside"
    (folder / "README.md").rename(outside)
    (folder / "README.md").symlink_to(outside)
    said = run_command(folder, keys.log_vkey, keys.witness_vkey)
    assert said.names("V1", "link", path="README.md")
    (folder / "tile").rename(tmp_path / "tiles")
    (folder / "tile").symlink_to(tmp_path / "tiles")
    assert run_command(folder, keys.log_vkey, keys.witness_vkey).names("V1", "missing", path="tile/0/000")


def test_a_pipe_in_place_of_a_file(log: Trail, verify: Any, keys: Keys, tmp_path: Path) -> None:
    verify(export(log))
    (tmp_path / "export" / "README.md").unlink()
    os.mkfifo(tmp_path / "export" / "README.md")
    assert run_command(tmp_path / "export", keys.log_vkey, keys.witness_vkey).names("V1", "regular", path="README.md")


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"kind":"phivault-audit-export","v":2}',
        b'{"kind":"phivault-audit-export","v":1,"v":1}',
        b'{"a":' + b"9" * 100_000 + b"}",
    ],
    ids=["empty", "bare", "binary", "deep", "version", "repeated", "digits"],
)
def test_a_manifest_that_is_none(log: Trail, verify: Any, manifest: bytes) -> None:
    said = verify(export(log) | {"manifest.json": manifest})
    assert said.exit == 2


def test_nothing_and_something_else(tmp_path: Path, keys: Keys) -> None:
    (tmp_path / "file").write_text("not a folder")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        assert run_command(path, keys.log_vkey, keys.witness_vkey).exit == 2


def test_a_path_that_leads_out_of_the_folder(log: Trail, verify: Any) -> None:
    files = export(log)
    for path in (b"../README.md", b"/etc/passwd", b"tile/0/../../x"):
        manifest = files["manifest.json"].replace(b'"README.md"', b'"' + path + b'"')
        assert verify(files | {"manifest.json": manifest}).exit == 2


def test_a_swapped_key(log: Trail, verify: Any) -> None:
    stranger = Keys(log=type(log.keys.log)("stranger"), witness=type(log.keys.log)("stranger's witness"))
    log.keys = stranger
    said = verify(export(log))  # signed by the stranger throughout, checked with the key that was pinned
    assert said.exit == 1
    assert said.names("V1", "no signature of a known key", path="manifest.sig")
    assert said.names("V2", "not the given one", path="keys/log.vkey")
    assert said.names("V2", "no signature of a known key", path="checkpoint")


@pytest.mark.parametrize("key", ["", "x", "a+b+c", "a" * 5000, "\0"])
def test_a_key_that_is_none(log: Trail, verify: Any, key: str) -> None:
    assert verify(export(log), key=key).exit == 2
