"""Exports of logs that were made up: by hand-sized parts for attacks, by the million for benches.

Whoever holds the keys can forge anything that they sign: ``Trail`` is open to change before ``export`` signs it.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from phivault.audit.canonical import EventLine, Genesis, Link, encode, line_hash
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.export import layout, manifest
from phivault.audit.export.manifest import File, Manifest, Segment, WitnessIdentity
from phivault.audit.export.segments import ObjectEntry, encode_object, encode_withheld, pack, withhold
from phivault.audit.log.checkpoint import Checkpoint
from phivault.audit.log.merkle import Frontier, leaf_hashes, root
from phivault.audit.log.note import Note, VerifierKey, cosign, log_vkey, sign, witness_vkey
from phivault.audit.log.tiles import tiles_over
from phivault.audit.verify.checkpoints import Trust
from phivault.errors import IntegrityError, NotFound
from tests.support.log_signer import LocalSigner

ORIGIN, WITNESS = "phivault.test/log", "phivault.test/witness"
START = 1_772_600_400  # 2026-03-04T05:00:00Z
_MARK = "0123456789abcdef" * 2


@dataclass(frozen=True)
class Keys:
    log: LocalSigner = field(default_factory=lambda: LocalSigner("log"))
    witness: LocalSigner = field(default_factory=lambda: LocalSigner("witness"))

    @property
    def log_vkey(self) -> str:
        return log_vkey(ORIGIN, self.log.public_key)

    @property
    def witness_vkey(self) -> str:
        return witness_vkey(WITNESS, self.witness.public_key)

    @property
    def trust(self) -> Trust:
        return Trust(VerifierKey.parse(self.log_vkey), VerifierKey.parse(self.witness_vkey))

    def checkpoint(self, size: int, root: bytes, at: int | None) -> bytes:
        """Signed, and cosigned at a time (Unix seconds) unless that is None."""
        text = Checkpoint(ORIGIN, size, root).text()
        witnessed = () if at is None else (cosign(text, WITNESS, self.witness, at),)
        return Note(text, (sign(text, ORIGIN, self.log), *witnessed)).encode()


@dataclass
class Memory:
    """Fills ``phivault.audit.verify.files.Files``."""

    files: dict[str, bytes]

    def names(self) -> set[str]:
        return set(self.files)

    def read(self, path: str, limit: int) -> bytes:
        if path not in self.files:
            raise NotFound
        if len(self.files[path]) > limit:
            raise IntegrityError("A file is larger than it may be")
        return self.files[path]


@dataclass
class Part:
    """Consecutive lines with the objects that begin in them, and (size, root, time) of checkpoints among them."""

    lines: list[bytes] = field(default_factory=list)
    objects: list[ObjectEntry] = field(default_factory=list)
    checkpoints: list[tuple[int, bytes, int]] = field(default_factory=list)


@dataclass
class _Writer:
    id: str
    template: bytes
    sequence: int = -1
    prev: str = "0" * 64


class Generator:
    """Events of ``writers`` at once, ``per_minute`` of them; each minute has a checkpoint that the next one's events
    saw. Writers retire after ``lifetime`` lines. Deterministic, but for nothing real: ids are random digits."""

    def __init__(self, *, writers: int = 4, per_minute: int = 1800, lifetime: int = 5000, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.per_minute, self.lifetime = per_minute, lifetime
        self.frontier, self.seen, self.at = Frontier(), "", START
        self._templates = [self._template(number) for number in range(50)]
        self.writers: list[_Writer] = []
        self._count = writers

    def minute(self, most: int) -> Part:
        part, first = Part(), self.frontier.size
        while len(part.lines) < min(self.per_minute, most):
            room = min(self.per_minute, most) - len(part.lines)
            self._append(part, first, room, self.at * 1000 + 60_000 * len(part.lines) // self.per_minute)
        self.frontier.extend(leaf_hashes(part.lines))
        self.at += 60
        tree = self.frontier.root()
        self.seen = f"{self.frontier.size}/{tree.hex()}"
        part.checkpoints.append((self.frontier.size, tree, self.at))
        return part

    def _append(self, part: Part, first: int, room: int, millis: int) -> None:
        """One append of a writer: its object, and its lines."""
        place = len(self.writers) if len(self.writers) < self._count else self.random.randrange(self._count)
        at = datetime.fromtimestamp(millis // 1000, UTC)
        stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{millis % 1000:03d}Z"
        lines: list[bytes] = []
        if room > 1 and (place == len(self.writers) or self.writers[place].sequence > self.lifetime):
            lines.append(self._begin(place, stamp))
        writer = self.writers[place]
        sequence = writer.sequence + (not lines)
        count = min(room - len(lines), self.random.choice((1, 1, 1, 1, 1, 1, 1, 2, 3, 6)))
        lines += [self._event(writer, stamp) for _ in range(count)]
        body = b"".join(line + b"\n" for line in lines)
        shard = hashlib.sha256(writer.id.encode()).hexdigest()[:2]
        key = f"ev/{at:%Y/%m/%d/%H}/{shard}/{writer.id}-{sequence:08x}.json"
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        part.objects.append(ObjectEntry(key, len(body), etag, stamp, 1, len(lines), first + len(part.lines)))
        part.lines += lines

    def _begin(self, place: int, stamp: str) -> bytes:
        before = self.writers[place] if place < len(self.writers) else None
        writer = _Writer(self.random.randbytes(16).hex(), self.random.choice(self._templates), 0)
        named: dict[str, Any] = {}
        if before is not None:
            named = {
                "predecessor": before.id,
                "predecessor_sequence": before.sequence,
                "predecessor_hash": before.prev,
            }
        line = encode(Genesis(writer=writer.id, timestamp=stamp, **named))
        writer.prev = line_hash(line)
        self.writers[place : place + 1] = [writer]
        return line

    def _event(self, writer: _Writer, stamp: str) -> bytes:
        bits = self.random.randbytes(40).hex()
        writer.sequence += 1
        if not writer.sequence % 20:
            writer.template = self.random.choice(self._templates)  # the environment serves another session
        fields = (self.seen, bits[:12], bits[12:24], writer.prev, bits[24:36], bits[36:48], writer.sequence)
        line = writer.template % tuple(
            value.encode() if isinstance(value, str) else b"%d" % value for value in (*fields, stamp, writer.id)
        )
        writer.prev = hashlib.sha256(line).hexdigest()
        return line

    def _template(self, number: int) -> bytes:
        """A session's events with a gap for everything that differs between them."""
        personal = self.random.randbytes(240).hex().encode()
        session, user = _uuid(self.random.randbytes(6).hex()), _uuid(self.random.randbytes(6).hex())
        event = AuditEvent(
            id=_uuid("1" * 12),
            timestamp="2026-01-01T00:00:00.000Z",
            tenant=("north", "south")[number % 5 == 0],
            action=(Action.READ, Action.READ, Action.SEARCH, Action.UPDATE)[number % 4],
            success=True,
            risk=RiskLevel.LOW,
            request_id=_uuid("3" * 12),
            user_id=user,
            role="clinician",
            session=session,
            personal=personal.decode()[:428],
            personal_subject=f"User/{user}",
            personal_ref=session,
            resource="Observation",
            resource_id=_uuid("4" * 12),
            version=1,
            patient=_uuid("2" * 12),
            purpose="TREATMENT",
            purpose_asserted=True,
            classes=("clinical",),
            flags=("gdpr", "hipaa"),
        )
        line = encode(EventLine(event, Link(writer=_MARK, sequence=7777777, prev="f" * 64)))
        gaps = ("1" * 12, "2" * 12, "f" * 64, "3" * 12, "4" * 12, "7777777", "2026-01-01T00:00:00.000Z", _MARK)
        line = line.replace(b'"checkpoint":""', b'"checkpoint":"%b"')
        for gap in gaps:
            line = line.replace(gap.encode(), b"%b")
        assert line.count(b"%b") == len(gaps) + 1
        return line


def _uuid(tail: str) -> str:
    return f"019c0000-0000-7000-8000-{tail}"


@dataclass
class Trail:
    """A log in memory. ``checkpoints`` are (size, root, witnessed at); the last is the newest. ``created`` is when the
    export was made; ``unsealed`` what the listing has more."""

    lines: list[bytes]
    objects: list[ObjectEntry]
    checkpoints: list[tuple[int, bytes, int | None]]
    unsealed: list[ObjectEntry] = field(default_factory=list)
    keys: Keys = field(default_factory=Keys)
    created: int = 0

    def rooted(self, *sizes: int) -> Trail:
        """Signs the checkpoints of these sizes (or all there are) again, for the lines as they are now."""
        kept = [(size, at) for size, _, at in self.checkpoints if not sizes or size in sizes]
        leaves = leaf_hashes(self.lines)
        self.checkpoints = [(size, root(leaves[:size]), at) for size, at in kept]
        return self

    def rechained(self) -> Trail:
        """Gives every line the ``prev`` that fits the line before: what a writer that turned rogue can do."""
        before: dict[str, str] = {}
        for at, line in enumerate(self.lines):
            members = json.loads(line)
            if members["kind"] == "event":
                members["prev"] = before[members["writer"]]
            elif members["predecessor"]:
                members["predecessor_hash"] = before[members["predecessor"]]
            self.lines[at] = canonical(members)
            before[members["writer"]] = line_hash(self.lines[at])
        return self

    def restored(self) -> Trail:
        """Makes the objects again what the lines are now: the bucket was rewritten, too."""
        for at, entry in enumerate(self.objects):
            assert entry.first is not None
            body = b"".join(line + b"\n" for line in self.lines[entry.first : entry.first + entry.count])
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            self.objects[at] = changed(entry, size=len(body), etag=etag)
        return self


def changed(entry: ObjectEntry, **changes: Any) -> ObjectEntry:
    names = ("key", "size", "etag", "modified", "versions", "count", "first")
    return ObjectEntry(**{name: getattr(entry, name) for name in names} | changes)


def canonical(members: dict[str, Any]) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode()


def trail(size: int, **options: Any) -> Trail:
    made, whole = Generator(**options), Part()
    while len(whole.lines) < size:
        part = made.minute(size - len(whole.lines))
        whole.lines += part.lines
        whole.objects += part.objects
        whole.checkpoints += part.checkpoints
    return Trail(whole.lines, whole.objects, list(whole.checkpoints))


def export(log: Trail, *, tenant: str = "", first: int = 0) -> dict[str, bytes]:
    """The files of an export."""
    files: dict[str, bytes] = {}
    build = _Build(files.__setitem__, log.keys, tenant, first)
    held = iter([*log.objects, None])
    entry = next(held)
    for start in range(0, len(log.lines), layout.SEGMENT):
        lines, here = log.lines[start : start + layout.SEGMENT], []
        while entry is not None and entry.first < start + len(lines):
            here.append(entry)
            entry = next(held)
        build.segment(lines, here)
    build.finish(log.checkpoints, log.unsealed, log.created)
    return files


def write_export(folder: Path, size: int, **options: Any) -> Keys:
    """A generated log of ``size`` lines as an export in ``folder``; what is held meanwhile is two segments."""

    def put(path: str, body: bytes) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)

    made, keys, held, done = Generator(**options), Keys(), Part(), 0
    build = _Build(put, keys, "", 0)
    while done < size:
        part = made.minute(size - done)
        done += len(part.lines)
        held.lines += part.lines
        held.objects += part.objects
        held.checkpoints += part.checkpoints
        while len(held.lines) >= layout.SEGMENT or (done == size and held.lines):
            end = build.first + layout.SEGMENT
            here = [entry for entry in held.objects if entry.first is not None and entry.first < end]
            build.segment(held.lines[: layout.SEGMENT], here)
            held.lines, held.objects = held.lines[layout.SEGMENT :], held.objects[len(here) :]
    build.finish(held.checkpoints, [], 0)
    return keys


class _Build:
    def __init__(self, put: Callable[[str, bytes], None], keys: Keys, tenant: str, start: int) -> None:
        self._put, self.keys, self.tenant, self.start = put, keys, tenant, start
        self.files: dict[str, File] = {}
        self.segments: list[Segment] = []
        self.nodes: list[bytes] = []
        self.first = 0

    def put(self, path: str, body: bytes) -> None:
        self.files[path] = File(hashlib.sha256(body).hexdigest(), len(body))
        self._put(path, body)

    def segment(self, lines: list[bytes], objects: list[ObjectEntry]) -> None:
        leaves = leaf_hashes(lines)
        tiles, nodes = tiles_over(0, self.first, leaves)
        for tile, body in tiles:
            self.put(tile.path, body)
        if self.first >= self.start:
            paths = layout.lines_path(self.first), layout.objects_path(self.first)
            self.put(paths[0], pack(self._withheld(line) for line in lines))
            self.put(paths[1], pack(map(encode_object, objects)))
            self.segments.append(Segment(self.first, len(lines), *paths, root(leaves).hex()))
        self.nodes += nodes
        self.first += len(lines)

    def _withheld(self, line: bytes) -> bytes:
        if not self.tenant or f'"tenant":"{self.tenant}",'.encode() in line or b'"kind":"genesis"' in line:
            return line
        writer = line[line.index(b'"writer":"') + 10 :][:32].decode()
        sequence = int(line[line.index(b'"sequence":') + 11 :].partition(b",")[0])
        return encode_withheld(withhold(line, writer, sequence))

    def finish(
        self, checkpoints: list[tuple[int, bytes, int | None]], unsealed: list[ObjectEntry], created: int
    ) -> None:
        level, hashes = 1, self.nodes
        while hashes:
            tiles, hashes = tiles_over(level, 0, hashes)
            for tile, body in tiles:
                self.put(tile.path, body)
            level += 1
        for size, tree, at in checkpoints:
            hour = datetime.fromtimestamp(at or 0, UTC).strftime("%Y-%m-%dT%H")
            if at is not None and f"checkpoints/{hour}" not in self.files:
                self.put(f"checkpoints/{hour}", self.keys.checkpoint(size, tree, at))
        size, tree, at = checkpoints[-1]
        newest = self.keys.checkpoint(size, tree, at)
        self.put("checkpoint", newest)
        self.put("README.md", b"An export.\n")
        self.put("keys/log.vkey", self.keys.log_vkey.encode() + b"\n")
        self.put("keys/witness.vkey", self.keys.witness_vkey.encode() + b"\n")
        self.put("objects/unsealed.ndjson.zst", pack(map(encode_object, unsealed)))
        made = datetime.fromtimestamp(created or (at or START) + 60, UTC)
        stated = Manifest(
            id="5f0c6a52-6f1e-4f8e-9a51-0b3d8f3f7a10",
            created=f"{made:%Y-%m-%dT%H:%M:%S}.000Z",
            origin=ORIGIN,
            tenant=self.tenant,
            first=self.start,
            size=size,
            checkpoint=hashlib.sha256(newest).hexdigest(),
            witness=WitnessIdentity(WITNESS, "222222222222", "111111111111"),
            segments=tuple(self.segments),
            files=self.files,
        )
        for path, body in signed(manifest.encode(stated), self.keys).items():
            self._put(path, body)


def signed(data: bytes, keys: Keys) -> dict[str, bytes]:
    """The manifest and its signature."""
    text = manifest.signed_text(ORIGIN, data)
    return {"manifest.json": data, "manifest.sig": Note(text, (sign(text, ORIGIN, keys.log),)).encode()}


def resigned(files: dict[str, bytes], keys: Keys) -> dict[str, bytes]:
    """The export after files of it were changed or taken away, with a manifest that says so: what whoever holds the
    log's key can make."""
    import json

    members = json.loads(files["manifest.json"])
    kept = {path: body for path, body in files.items() if path not in layout.UNLISTED}
    members["files"] = {
        path: {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)} for path, body in kept.items()
    }
    members["checkpoint"] = members["files"]["checkpoint"]["sha256"]
    return kept | signed(canonical(members), keys)
