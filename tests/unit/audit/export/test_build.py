"""Exports, built from a log and its bucket's listing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest

from phivault.audit.canonical import EventLine, parse
from phivault.audit.export import layout
from phivault.audit.export.manifest import parse as parse_manifest
from phivault.audit.export.manifest import signed_text
from phivault.audit.export.segments import (
    MAX_LINES,
    MAX_OBJECTS,
    ObjectEntry,
    is_withheld,
    parse_object,
    parse_withheld,
    unpack,
)
from phivault.audit.log import checkpoint, merkle
from phivault.audit.log.note import open_note
from phivault.audit.log.note import parse as parse_note
from phivault.audit.log.tiles import decode_entries, encode_entries
from phivault.errors import Conflict, IntegrityError, NotFound, Unavailable
from tests.support.exported import WITNESSED, MemorySink, World

type Files = dict[str, bytes]


def lines(files: Files, first: int = 0) -> list[bytes]:
    return unpack(files[layout.lines_path(first)], MAX_LINES)


def objects(files: Files, path: str = layout.objects_path(0)) -> list[ObjectEntry]:
    return [parse_object(line) for line in unpack(files[path], MAX_OBJECTS)]


@pytest.fixture
def world() -> World:
    """Two writers of two tenants, eleven events in eight objects."""
    made = World()
    made.record({}, {})
    made.record({"tenant": "south"}, writer="b")
    made.record({"tenant": "south"}, {}, {"tenant": "south"}, writer="b")
    made.record({})
    made.seal("2026-03-03T22")
    made.at += timedelta(hours=1)
    for tenant in ("north", "south", "north", "south"):
        made.record({"tenant": tenant})
    made.seal("2026-03-03T23")
    return made


def test_the_manifest_lists_every_file_and_is_signed_by_the_log(world: World) -> None:
    manifest, files = world.export()
    assert parse_manifest(files[layout.MANIFEST]) == manifest
    assert files.keys() - layout.UNLISTED == manifest.files.keys()
    for path, listed in manifest.files.items():
        assert (len(files[path]), hashlib.sha256(files[path]).hexdigest()) == (listed.size, listed.sha256)
    note = parse_note(files[layout.SIGNATURE])
    assert note.text == signed_text(manifest.origin, files[layout.MANIFEST])
    assert [verified.key for verified in open_note(note, [world.log.log_key])] == [world.log.log_key]


def test_it_holds_the_whole_tree_its_checkpoint_and_its_lines(world: World) -> None:
    manifest, files = world.export()
    shown = checkpoint.verify(files[layout.CHECKPOINT], world.log.log_key, world.log.witness_key)
    assert shown.witnessed_at == WITNESSED.timestamp()
    assert shown.checkpoint.size == manifest.size == len(lines(files)) == 13
    assert merkle.root(merkle.leaf_hashes(lines(files))) == shown.checkpoint.root
    assert manifest.segments[0].root == shown.checkpoint.root.hex()
    assert files["tile/0/000.p/13"] == b"".join(merkle.leaf_hashes(lines(files)))
    assert {path for path in files if path.startswith("checkpoints/")} == {
        "checkpoints/2026-03-03T22",
        "checkpoints/2026-03-03T23",
    }


def test_every_object_is_the_run_of_lines_that_it_holds(world: World) -> None:
    _, files = world.export()
    exported, found = lines(files), objects(files)
    assert [entry.key for entry in found] == [key for key in world.objects.stored if key in {e.key for e in found}]
    assert sum(entry.count for entry in found) == len(exported)
    assert {entry.key for entry in found} == set(world.objects.stored)
    for entry in found:
        assert entry.first is not None
        body = b"".join(line + b"\n" for line in exported[entry.first : entry.first + entry.count])
        assert body == world.objects.get(entry.key)
        assert hashlib.md5(body, usedforsecurity=False).hexdigest() == entry.etag
    assert objects(files, layout.UNSEALED) == []


def test_a_tenant_sees_its_own_lines_and_everyones_hashes(world: World) -> None:
    _, whole = world.export()
    manifest, files = world.export(tenant="north")
    assert manifest.tenant == "north"
    for raw, shown in zip(lines(whole), lines(files), strict=True):
        line = parse(raw)
        if isinstance(line, EventLine) and line.event.tenant != "north":
            withheld = parse_withheld(shown)
            assert (withheld.writer, withheld.sequence) == (line.link.writer, line.link.sequence)
            assert bytes.fromhex(withheld.leaf) == merkle.leaf_hash(raw)
            assert withheld.hash == hashlib.sha256(raw).hexdigest()
        else:
            assert shown == raw
    assert sum(map(is_withheld, lines(files))) == 5
    everything = b"".join(b"\n".join(unpack(body, MAX_LINES)) for path, body in files.items() if path.endswith(".zst"))
    assert b"south" not in everything + b"".join(body for path, body in files.items() if not path.endswith(".zst"))


def test_an_object_that_the_log_lacks_is_listed(world: World) -> None:
    forgotten = world.record({}, writer="c", sealed=False)
    _, files = world.export()
    (entry,) = objects(files, layout.UNSEALED)
    assert (entry.key, entry.first, entry.count) == (forgotten, None, 0)


def test_an_object_newer_than_the_sealing_is_not_missing(world: World) -> None:
    world.at = WITNESSED - timedelta(seconds=30)
    world.record({}, writer="c", sealed=False)
    _, files = world.export(sealed_at=WITNESSED - timedelta(seconds=60))
    assert objects(files, layout.UNSEALED) == []
    _, files = world.export(sealed_at=WITNESSED)
    assert len(objects(files, layout.UNSEALED)) == 1


@pytest.mark.parametrize(
    "key",
    ["ev/2026/03/03/22/zz/rogue", 'ev/2026/03/03/22/"\n%00', "ev/2026/03/03/22/" + "é" * 900, "ev/2026/03/03/22/"],
)
def test_a_rogue_object_is_listed_whatever_its_name(world: World, key: str) -> None:
    world.objects.add(key, b"x", WITNESSED - timedelta(hours=6))
    _, files = world.export()
    (entry,) = objects(files, layout.UNSEALED)
    assert entry.key.startswith("ev/2026/03/03/22/")


def test_a_second_object_of_one_name_is_listed(world: World) -> None:
    key = next(iter(world.objects.stored))
    copy = key.replace("/22/", "/23/")
    world.objects.add(copy, world.objects.get(key), WITNESSED - timedelta(hours=5))
    _, files = world.export()
    assert [entry.key for entry in objects(files, layout.UNSEALED)] == [copy]


def test_a_deleted_object_leaves_its_lines_without_one(world: World) -> None:
    keys = list(world.objects.stored)
    del world.objects.stored[keys[3]]
    _, files = world.export()
    found = objects(files)
    assert {entry.key for entry in found} == set(keys) - {keys[3]}
    assert sum(entry.count for entry in found) == len(lines(files)) - 1


def test_versions_are_as_listed(world: World) -> None:
    key = next(iter(world.objects.stored))
    _, body = world.objects.stored[key]
    world.objects.add(key, body, WITNESSED - timedelta(hours=6), versions=2)
    _, files = world.export()
    assert {entry.key for entry in objects(files) if entry.versions == 2} == {key}


def test_an_altered_log_is_exported_as_it_stands(world: World) -> None:
    path = "tile/entries/000.p/13"
    world.log.files[path] = world.log.files[path].replace(b'"LOW"', b'"HIGH"'[:5])
    manifest, files = world.export()
    assert manifest.size == 13
    assert manifest.segments[0].root != checkpoint.parse(parse_note(files["checkpoint"]).text).root.hex()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda world: world.log.files.pop("tile/0/000.p/13"), NotFound),
        (lambda world: world.log.files.update({"tile/entries/000.p/13": b"\0\1x"}), IntegrityError),
        (lambda world: world.log.files.update({"tile/entries/000.p/13": b"\0\1\n" * 14}), IntegrityError),
        (lambda world: world.log.publish(witnessed=False), Unavailable),
        (lambda world: setattr(world.log, "note", world.log.note[:-20] + b"AAAAAAAAAAAAAAAAAA==\n"), IntegrityError),
        (lambda world: world.log.hourly.append(("../../x", b"")), IntegrityError),
    ],
)
def test_what_cannot_be_shown_ends_without_a_manifest(
    world: World, spoil: Callable[[World], object], error: type[Exception]
) -> None:
    spoil(world)
    sink = MemorySink()
    with pytest.raises(error):
        world.export(sink)
    assert not sink.files.keys() & {layout.MANIFEST, layout.SIGNATURE}


def test_a_checkpoint_that_is_not_cosigned_yet_is_waited_for(world: World) -> None:
    world.log.publish(witnessed=False)
    world.cosigned_after = 29.0
    manifest, _ = world.export()
    assert manifest.size == 13
    assert 29 <= world.slept <= 30


def test_a_witness_out_of_reach_is_not_waited_for_longer_than_half_a_minute(world: World) -> None:
    world.log.publish(witnessed=False)
    world.cosigned_after = 31.0
    with pytest.raises(Unavailable):
        world.export()


def test_another_tenants_line_that_is_none_is_not_shown(world: World) -> None:
    path = "tile/entries/000.p/13"
    entries = decode_entries(world.log.files[path])
    world.log.files[path] = encode_entries([*entries[:5], b"{}x", *entries[6:]])
    with pytest.raises(IntegrityError):
        world.export(tenant="north")


def test_nothing_is_written_twice(world: World) -> None:
    sink = MemorySink()
    world.export(sink)
    with pytest.raises(Conflict):
        world.export(sink)


def big_world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Segments of 256 leaves; an object across their border; an hourly checkpoint every 100 events."""
    monkeypatch.setattr(layout, "SEGMENT", 256)
    made = World()
    made.at -= timedelta(hours=2)
    for _ in range(7):
        for number in range(33):
            made.record({}, {}, {}, writer="ab"[number % 2])
        made.seal(made.at.strftime("%Y-%m-%dT%H"))
        made.at += timedelta(hours=1)
    return made


def test_segments_follow_each_other_and_objects_cross_their_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    world = big_world(monkeypatch)
    manifest, files = world.export()
    assert [(segment.first, segment.count) for segment in manifest.segments] == [(0, 256), (256, 256), (512, 183)]
    entries = [entry for segment in manifest.segments for entry in objects(files, segment.objects)]
    assert sum(entry.count for entry in entries) == 695
    assert [entry.first for entry in entries] == sorted(entry.first or 0 for entry in entries)
    crossing = [e for e in objects(files, layout.objects_path(0)) if (e.first or 0) + e.count > 256]
    assert len(crossing) == 1
    for segment in manifest.segments[:-1]:
        assert bytes.fromhex(segment.root) == merkle.root(merkle.leaf_hashes(lines(files, segment.first)))


def test_an_export_since_a_leaf_begins_at_its_segment_and_reads_no_older_hours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = big_world(monkeypatch)
    _, whole = world.export()
    world.objects.listed.clear()
    manifest, files = world.export(since=600)
    assert (manifest.first, manifest.size) == (512, 695)
    assert files[layout.lines_path(512)] == whole[layout.lines_path(512)]
    assert files[layout.objects_path(512)] == whole[layout.objects_path(512)]
    assert layout.lines_path(256) not in files
    assert objects(files, layout.UNSEALED) == []
    assert min(world.objects.listed) > min(world.objects.hours())
    assert {path for path in files if path.startswith("tile/")} == {path for path in whole if path.startswith("tile/")}


def test_an_export_since_a_leaf_still_finds_what_is_unsealed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = big_world(monkeypatch)
    world.at -= timedelta(hours=2)
    forgotten = world.record({}, writer="c", sealed=False)
    _, files = world.export(since=600)
    assert [entry.key for entry in objects(files, layout.UNSEALED)] == [forgotten]


def test_since_beyond_the_end_still_shows_the_last_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    world = big_world(monkeypatch)
    manifest, _ = world.export(since=10**9)
    assert manifest.first == 512
