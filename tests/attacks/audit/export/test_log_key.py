"""Who holds the log's key and makes the export: everything is signed, nothing is true. The witness isn't theirs."""

from __future__ import annotations

import json
import re
from typing import Any

import zstandard

from phivault.audit.export.segments import MAX_LINES, ObjectEntry, pack, unpack
from phivault.audit.log.merkle import leaf_hashes, root
from tests.support.exports import START, Keys, Trail, canonical, changed, export, resigned
from tests.support.log_signer import LocalSigner

SEGMENT, OBJECTS = "segments/000000000000.ndjson.zst", "objects/000000000000.ndjson.zst"


def edit(log: Trail, at: int, **members: Any) -> str:
    """Changes a line, which stays well-formed; the id of its event."""
    line = json.loads(log.lines[at]) | members
    log.lines[at] = canonical(line)
    return str(line.get("id"))


def relined(files: dict[str, bytes], lines: list[bytes], keys: Keys) -> dict[str, bytes]:
    """The export with other lines under the tree that was witnessed."""
    return resigned(files | {SEGMENT: pack(lines)}, keys)


def unheralded(files: dict[str, bytes], keys: Keys, *kept: str) -> dict[str, bytes]:
    """The export without its hourly checkpoints, but for those ``kept``."""
    left = {path: body for path, body in files.items() if not path.startswith("checkpoints/") or path in kept}
    return resigned(left, keys)


def test_an_edited_line(log: Trail, verify: Any) -> None:
    files, key = export(log), log.objects[100].key
    at = log.objects[100].first
    event = edit(log, at, patient="somebody-else")
    said = verify(relined(files, log.lines, log.keys))
    assert said.exit == 1
    assert said.names("V3", "tile", leaf=at)
    assert said.names("V3", "don't give the checkpoint's root")
    assert said.names("V6", "not what the log has", event=event, object=key)
    assert said.names("V5", "prev")


def test_an_edited_line_with_tiles_and_checkpoint_made_to_fit(log: Trail, verify: Any) -> None:
    """A fork: only what the witness and the auditor saw before is against it."""
    witnessed = export(log)
    edit(log, 100, patient="somebody-else")
    log.rechained().restored().rooted()
    log.keys = Keys(log=log.keys.log, witness=LocalSigner("not the witness"))
    forged = export(log)
    said = verify(forged)
    assert said.names("V2", "cosignature is missing", path="checkpoint")
    said = verify(resigned(forged | {path: body for path, body in witnessed.items() if "checkpoint" in path}, log.keys))
    assert said.names("V3", "don't give the checkpoint's root")
    assert said.names("V7", "not a prefix", path="checkpoints/2026-03-04T06")


def test_a_fork_before_a_saved_checkpoint(log: Trail, verify: Any, tmp_path: Any) -> None:
    """Even with the witness's help: the auditor's own copy tells."""
    size, tree, at = log.checkpoints[120]
    (tmp_path / "saved").write_bytes(log.keys.checkpoint(size, tree, at))
    saved = "--since", str(tmp_path / "saved")
    assert verify(export(log), *saved).exit == 0
    edit(log, 100, patient="somebody-else")
    forged = export(log.rechained().restored().rooted())
    for options in (saved, (*saved, "--quick")):
        assert verify(forged, *options).names("V7", "not a prefix", path="the saved checkpoint")


def test_a_log_rolled_back(log: Trail, verify: Any, tmp_path: Any) -> None:
    """Truncated, with everything signed and witnessed as it was at that time."""
    size, tree, at = log.checkpoints[-1]
    (tmp_path / "saved").write_bytes(log.keys.checkpoint(size, tree, at))
    kept = log.checkpoints[:90]
    cut = kept[-1][0]
    log.lines, log.checkpoints = log.lines[:cut], kept
    log.objects = [entry for entry in log.objects if entry.first < cut]
    for options in ((), ("--quick",)):
        said = verify(export(log), "--since", str(tmp_path / "saved"), *options)
        assert said.names("V7", "shorter", path="the saved checkpoint")


def test_a_log_rolled_back_behind_its_locked_checkpoints(log: Trail, verify: Any) -> None:
    files = export(log)
    cut = log.checkpoints[90][0]
    log.lines, log.checkpoints = log.lines[:cut], log.checkpoints[:91]
    log.objects = [entry for entry in log.objects if entry.first < cut]
    locked = {path: body for path, body in files.items() if path.startswith("checkpoints/")}
    assert verify(resigned(export(log) | locked, log.keys)).names("V7", "shorter")


def test_a_wrong_root_signed_by_the_sealer(log: Trail, verify: Any) -> None:
    size, _, at = log.checkpoints[-1]
    log.checkpoints[-1] = size, b"\1" * 32, at
    for options in ((), ("--quick",)):
        assert verify(export(log), *options).names("V3", "give the checkpoint's root")


def test_an_edited_checkpoint(log: Trail, verify: Any) -> None:
    files = export(log)
    text = files["checkpoint"].replace(b"\n400\n", b"\n399\n")
    said = verify(resigned(files | {"checkpoint": text}, log.keys))
    assert said.names("V2", "doesn't verify", path="checkpoint")


def test_an_edited_tile(log: Trail, verify: Any) -> None:
    files = export(log)
    tile = bytearray(files["tile/0/000"])
    tile[32 * 7] ^= 1
    said = verify(resigned(files | {"tile/0/000": bytes(tile)}, log.keys))
    assert said.names("V3", "tile", path="tile/0/000", leaf=7)


def test_a_missing_tile_that_the_manifest_forgets(log: Trail, verify: Any) -> None:
    files = export(log)
    del files["tile/1/000.p/1"]
    assert verify(resigned(files, log.keys)).names("V1", "doesn't list", path="tile/1/000.p/1")


def test_lines_swapped_dropped_and_doubled(log: Trail, verify: Any) -> None:
    files, lines = export(log), log.lines
    for other in (
        [*lines[:50], lines[51], lines[50], *lines[52:]],
        [*lines[:50], *lines[51:]],
        [*lines[:50], lines[50], *lines[50:]],
        [],
    ):
        said = verify(relined(files, other, log.keys))
        assert said.exit == 1
        assert said.names("V3", "don't give the checkpoint's root")


def test_an_event_that_the_sealer_omitted(log: Trail, verify: Any) -> None:
    kept = log.objects[200]
    log.unsealed = [ObjectEntry(kept.key.replace("-", "-f", 1)[:-6] + ".json", 9, "0" * 32, kept.modified, 1, 0)]
    for options in ((), ("--quick",)):
        assert verify(export(log), *options).names("V6", "not in the log", object=log.unsealed[0].key)


def test_a_deleted_object(log: Trail, verify: Any) -> None:
    """A line without an object: its only version was deleted."""
    gone = log.objects.pop(100)
    said = verify(export(log))
    assert said.exit == 1
    assert said.names("V6", "don't follow", leaf=gone.first + gone.count)


def test_a_delete_marker_or_an_overwritten_object(log: Trail, verify: Any) -> None:
    log.objects[100] = changed(log.objects[100], versions=2)
    assert verify(export(log)).names("V6", "more than one version", object=log.objects[100].key)


def test_an_object_of_other_bytes(log: Trail, verify: Any) -> None:
    key = log.objects[100].key
    log.objects[100] = changed(log.objects[100], etag="0" * 32)
    assert verify(export(log)).names("V6", "not what the log has", object=key, leaf=log.objects[100].first)


def test_a_forged_object_name(log: Trail, verify: Any) -> None:
    shard = re.compile("/[0-9a-f]{2}/(?=[0-9a-f]{32})")
    good = log.objects[100]
    for key, text in (
        (shard.sub("/zz/", good.key), "form of a recorder"),
        (shard.sub("/00/" if "/00/" not in good.key else "/01/", good.key), "shard"),
        (good.key.replace(".json", "")[:-8] + "0000ffff.json", "not that of its lines"),
        (log.objects[3].key, "not that of its lines"),
        ("ev/" + "x" * 250, "form of a recorder"),
    ):
        log.objects[100] = changed(good, key=key)
        assert verify(export(log)).names("V6", text), key


def test_a_log_that_stopped_for_hours(log: Trail, verify: Any) -> None:
    log.created = log.checkpoints[-1][2] + 4 * 3600
    for options in ((), ("--quick",)):
        assert verify(export(log), *options).names("V8", "3 hours older than the export")


def test_a_witness_that_saw_nothing_for_hours(log: Trail, verify: Any) -> None:
    log.checkpoints = [each for each in log.checkpoints if each[2] == log.checkpoints[-1][2] or each[2] < START + 100]
    assert verify(export(log)).names("V8", "no checkpoint for over 3 hours")


def test_hourly_checkpoints_left_out_at_the_beginning(log: Trail, verify: Any) -> None:
    """What is left has no gap: of the log's 200 minutes the first checkpoint is of the last, then of the 180th."""
    said = verify(unheralded(export(log), log.keys))
    assert said.exit == 1
    assert said.names("V8", "over 3 hours older than the first checkpoint", leaf=0)
    assert verify(unheralded(export(log), log.keys, "checkpoints/2026-03-04T08")).exit == 0


def test_a_backdated_event_with_hourly_checkpoints_left_out(log: Trail, verify: Any) -> None:
    """Sealed and witnessed at 08:20, it says 05:10; the log's first line says 08:00, so that it looks young."""
    edit(log, 0, timestamp="2026-03-04T08:00:00.000Z")
    for at in range(1, len(log.lines)):
        edit(log, at, timestamp="2026-03-04T08:10:00.000Z")
    event = edit(log, 399, timestamp="2026-03-04T05:10:00.000Z")
    said = verify(unheralded(export(log.rechained().restored().rooted()), log.keys))
    assert said.names("V8", "over 3 hours older than the first checkpoint", leaf=399, event=event)
    assert sum("older" in each["text"] for each in said.report["findings"]) == 1


def test_a_saved_checkpoint_stands_for_those_left_out(log: Trail, verify: Any, tmp_path: Any) -> None:
    size, tree, at = log.checkpoints[100]
    (tmp_path / "saved").write_bytes(log.keys.checkpoint(size, tree, at))
    left = unheralded(export(log), log.keys)
    assert verify(left).exit == 1
    assert verify(left, "--since", str(tmp_path / "saved")).exit == 0


def test_a_checkpoint_under_another_hour(log: Trail, verify: Any) -> None:
    files = export(log)
    files["checkpoints/2026-03-04T07"] = files["checkpoints/2026-03-04T05"]
    assert verify(resigned(files, log.keys)).names("V7", "not of its hour", path="checkpoints/2026-03-04T07")


def test_an_unwitnessed_locked_checkpoint(log: Trail, verify: Any) -> None:
    files = export(log)
    size, tree, _ = log.checkpoints[60]
    files["checkpoints/2026-03-04T06"] = log.keys.checkpoint(size, tree, None)
    assert verify(resigned(files, log.keys)).names("V7", "isn't witnessed", path="checkpoints/2026-03-04T06")


def test_an_empty_export(log: Trail, verify: Any) -> None:
    """A manifest can't speak of an empty tree, nor leave segments out."""
    files = export(log)
    for old, new in ((b'"size":400,"tenant"', b'"size":0,"tenant"'), (b'"segments":[{', b'"segments":[],"x":[{')):
        manifest = files["manifest.json"].replace(old, new)
        assert manifest != files["manifest.json"]
        assert verify(files | {"manifest.json": manifest}).exit == 2


def test_a_decompression_bomb(log: Trail, verify: Any) -> None:
    files = export(log)
    stream = zstandard.ZstdCompressor().compressobj()
    unsized = stream.compress(b"\0" * 2**20) + stream.flush()
    sized = zstandard.ZstdCompressor(level=1).compress(b"\0" * (MAX_LINES + 1))
    for bomb in (sized, unsized):
        for path, step in ((SEGMENT, "V4"), (OBJECTS, "V6"), ("objects/unsealed.ndjson.zst", "V6")):
            assert verify(resigned(files | {path: bomb}, log.keys)).names(step, "compressed", path=path)


def test_a_tenants_line_that_was_not_withheld(log: Trail, verify: Any) -> None:
    north = export(log, tenant="north")
    assert verify(north).exit == 0
    whole = export(log)
    said = verify(relined(north, unpack(whole[SEGMENT], MAX_LINES), log.keys))
    assert said.names("V4", "another tenant")


def test_a_line_withheld_from_the_auditor_of_all(log: Trail, verify: Any) -> None:
    withheld = unpack(export(log, tenant="north")[SEGMENT], MAX_LINES)
    assert verify(relined(export(log), withheld, log.keys)).names("V4", "withheld in an export of all")


def test_a_withheld_line_with_another_hash(log: Trail, verify: Any) -> None:
    north = export(log, tenant="north")
    lines = unpack(north[SEGMENT], MAX_LINES)
    at = next(at for at, line in enumerate(lines) if b"withheld" in line)
    lines[at] = canonical(json.loads(lines[at]) | {"leaf": "0" * 64})
    assert verify(relined(north, lines, log.keys)).names("V3", "tile", leaf=at)


def test_the_sizes_of_the_fixture(log: Trail) -> None:
    assert root(leaf_hashes(log.lines)) == log.checkpoints[-1][1]
