"""Who holds a writer: lines that break the rules are stored, sealed and witnessed like any."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from phivault.audit.canonical import NO_HASH, Genesis, encode
from phivault.audit.export.segments import MAX_LINES, ObjectEntry, pack, unpack
from tests.support.exports import START, Trail, canonical, export, resigned

SEGMENT = "segments/000000000000.ndjson.zst"


def sealed(log: Trail) -> dict[str, bytes]:
    """Bucket, tree and checkpoints as they are for the lines as they are."""
    return export(log.restored().rooted())


def members(log: Trail, at: int) -> dict[str, Any]:
    return json.loads(log.lines[at])


def insert(log: Trail, at: int, line: bytes, *, before: int) -> None:
    """A line of its own object, in the log before the object at ``before``, which begins at leaf ``at``."""
    log.lines.insert(at, line)
    for number in range(before, len(log.objects)):
        log.objects[number] = moved(log.objects[number])
    parts = json.loads(line)
    old = log.objects[before]
    key = old.key.rpartition("/")[0].rpartition("/")[0] + f"/00/{parts['writer']}-{parts['sequence']:08x}.json"
    log.objects.insert(before, ObjectEntry(key, 0, "0" * 32, old.modified, 1, 1, at))
    log.checkpoints = [(size + (size > at), tree, when) for size, tree, when in log.checkpoints]


def moved(entry: ObjectEntry) -> ObjectEntry:
    assert entry.first is not None
    return ObjectEntry(entry.key, entry.size, entry.etag, entry.modified, entry.versions, entry.count, entry.first + 1)


def test_a_backdated_event(log: Trail, verify: Any) -> None:
    event = members(log, 390)
    log.lines[390] = canonical(event | {"timestamp": "2026-03-04T05:30:00.000Z"})
    said = verify(sealed(log.rechained()))
    assert said.names("V8", "older than a checkpoint", leaf=390, event=event["id"])


def test_a_clock_that_is_ahead(log: Trail, verify: Any) -> None:
    event = members(log, 10)
    log.lines[10] = canonical(event | {"timestamp": "2026-03-04T08:30:00.000Z"})
    said = verify(sealed(log.rechained()))
    assert said.names("V8", "later than the witness", leaf=10, event=event["id"])


def test_an_event_inserted_late(log: Trail, verify: Any) -> None:
    """At a retired writer's end, with the time that would have fitted there."""
    ended = next(json.loads(line) for line in log.lines if b'"predecessor":""' not in line and b'"genesis"' in line)
    like = max(
        (json.loads(line) for line in log.lines if json.loads(line)["writer"] == ended["predecessor"]),
        key=lambda line: line["sequence"],
    )
    for sequence in (1, 2):
        late = like | {"sequence": like["sequence"] + sequence, "prev": NO_HASH, "checkpoint": ""}
        insert(log, log.objects[-1].first, canonical(late), before=len(log.objects) - 1)
    said = verify(sealed(log.rechained()))
    assert said.names("V8", "older than a checkpoint", event=like["id"])
    assert said.names("V5", "more than one object")


def test_a_writer_whose_id_is_used_again(log: Trail, verify: Any) -> None:
    writer = members(log, 5)["writer"]
    twin = encode(Genesis(writer=writer, timestamp=members(log, 300)["timestamp"]))
    insert(log, log.objects[150].first, twin, before=150)
    assert verify(sealed(log)).names("V5", "sequence", leaf=log.objects[150].first)


def test_a_writer_without_a_genesis(log: Trail, verify: Any) -> None:
    stranger = members(log, 300) | {"writer": "f" * 32}
    insert(log, log.objects[150].first, canonical(stranger), before=150)
    assert verify(sealed(log)).names("V5", "genesis", leaf=log.objects[150].first)


@pytest.mark.parametrize("step", [-1, 1])
def test_a_doubled_or_missing_sequence(log: Trail, verify: Any, step: int) -> None:
    event = members(log, 200)
    log.lines[200] = canonical(event | {"sequence": event["sequence"] + step})
    assert verify(sealed(log.rechained())).names("V5", "sequence", leaf=200, event=event["id"])


def test_a_broken_chain(log: Trail, verify: Any) -> None:
    event = members(log, 200)
    log.lines[200] = canonical(event | {"prev": "0" * 64})
    assert verify(sealed(log)).names("V5", "prev", leaf=200, event=event["id"])


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ({"predecessor_hash": "1" * 64}, "more than one object"),
        ({"predecessor_sequence": 99}, "lacks lines"),
        ({"predecessor": "e" * 32}, "without a line"),
        ({"predecessor_sequence": 3}, "more than one object"),
    ],
)
def test_a_false_predecessor(log: Trail, verify: Any, named: dict[str, Any], text: str) -> None:
    at = next(at for at, line in enumerate(log.lines) if b'"genesis"' in line and b'"predecessor":""' not in line)
    log.lines[at] = canonical(members(log, at) | named)
    assert verify(sealed(log)).names("V5", text, leaf=at)


def test_a_checkpoint_from_the_future_or_from_another_log(log: Trail, verify: Any) -> None:
    event = members(log, 100)
    size, tree, _ = log.checkpoints[-1]
    for seen, text in ((f"{size}/{tree.hex()}", "has the event itself"), (f"50/{'a' * 64}", "never had")):
        log.lines[100] = canonical(event | {"checkpoint": seen})
        assert verify(sealed(log)).names("V8", text, leaf=100, event=event["id"])


TRICKS: dict[str, Callable[[bytes], bytes]] = {
    "white space": lambda line: line.replace(b",", b", ", 1),
    "order": lambda line: line.replace(b'"v":1,"version":1', b'"version":1,"v":1'),
    "repeated key": lambda line: line.replace(b'"v":1,', b'"v":1,"v":1,'),
    "unknown key": lambda line: line.replace(b'"v":1,', b'"v":1,"va":1,'),
    "missing key": lambda line: line.replace(b'"v":1,', b""),
    "escape": lambda line: line.replace(b"north", b"n\\u006frth").replace(b"south", b"s\\u006futh"),
    "float": lambda line: line.replace(b'"version":1', b'"version":1.0'),
    "exponent": lambda line: line.replace(b'"version":1', b'"version":1e0'),
    "leading zero": lambda line: line.replace(b'"version":1', b'"version":01'),
    "minus zero": lambda line: line.replace(b'"version":1', b'"version":-0'),
    "beyond 2^53": lambda line: line.replace(b'"version":1', b'"version":9007199254740992'),
    "not a number": lambda line: line.replace(b'"version":1', b'"version":NaN'),
    "other version": lambda line: line.replace(b'"v":1', b'"v":2'),
    "unknown action": lambda line: line.replace(b'"action":"fhir.', b'"action":"fhir.x'),
    "free text": lambda line: line.replace(b'"error":""', b'"error":"Ada Lovelace, born 1815"'),
    "no prev": lambda line: re.sub(rb'"prev":"\w+"', b'"prev":""', line),
    "no hash as prev": lambda line: re.sub(rb'"prev":"\w+"', b'"prev":"none"', line),
    "no writer": lambda line: re.sub(rb'"writer":"\w+"', b'"writer":""', line),
    "unicode": lambda line: line.replace(b'"error":""', '"error":"é"'.encode()),
    "no UTF-8": lambda line: line.replace(b'"error":""', b'"error":"\xff"'),
    "no base64": lambda line: line.replace(b'"personal":"', b'"personal":"!'),
    "a quote in base64": lambda line: line.replace(b'"personal":"', b'"personal":"\\"'),
    "no text": lambda line: line.replace(b'"role":"clinician"', b'"role":null'),
    "carriage return": lambda line: line + b"\r",
    "byte order mark": lambda line: b"\xef\xbb\xbf" + line,
    "after the end": lambda line: line + b" ",
    "no JSON": lambda line: line[:-1],
    "nothing": lambda line: b"",
    "giant": lambda line: re.sub(b'(_id|_ref|session)":"', rb'\1":"' + b"A" * 90, line).replace(
        b'"personal":"', b'"personal":"' + b"A" * 2300
    ),
    "giant text": lambda line: line.replace(b'"role":"clinician"', b'"role":"' + b"a" * 5000 + b'"'),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_line_that_is_not_of_the_schema(log: Trail, verify: Any, trick: str) -> None:
    """Witnessed and stored just so; the lines beside it stay unblamed."""
    original = log.lines[200]
    log.lines[200] = TRICKS[trick](original)
    assert log.lines[200] != original
    said = verify(sealed(log))
    assert said.exit == 1
    assert said.names("V4", "not of the schema", leaf=200)
    assert said.report["counts"]["V4"] == 1


@pytest.mark.parametrize("name", ["prev", "writer"])
@pytest.mark.parametrize("tenant", ["", "north"])
def test_an_event_that_hides_from_its_chain(log: Trail, verify: Any, name: str, tenant: str) -> None:
    """The last of a writer: no line after it has a ``prev`` that would tell."""
    log.lines[399] = canonical(members(log, 399) | {name: "", "tenant": "north"})
    said = verify(export(log.restored().rooted(), tenant=tenant))
    assert said.exit == 1
    assert said.names("V4", "not of the schema", leaf=399)


def test_an_event_of_another_tenant_without_a_prev(log: Trail, verify: Any) -> None:
    """The export of one tenant shows it, as if it were no event."""
    log.lines[399] = canonical(members(log, 399) | {"prev": "", "tenant": "south", "flags": ["north"]})
    files = export(log.restored().rooted(), tenant="north")
    shown = [*unpack(files[SEGMENT], MAX_LINES)[:-1], log.lines[399]]
    assert verify(resigned(files | {SEGMENT: pack(shown)}, log.keys)).names("V4", "not of the schema", leaf=399)


def test_two_lines_in_the_place_of_one(log: Trail, verify: Any) -> None:
    log.lines[200] += b"\n" + log.lines[201]
    said = verify(sealed(log))
    assert said.names("V4", "401 lines instead of 400")


def test_the_log_begins_when_the_test_says(log: Trail) -> None:
    assert members(log, 0)["timestamp"].startswith("2026-03-04T05:00:00")
    assert log.checkpoints[0][2] == START + 60
