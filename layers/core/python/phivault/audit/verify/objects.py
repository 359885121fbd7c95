"""V6: every line lies in one stored object, whose bytes are a run of the log's lines; every object is in the log.

Size, MD5 and versions of an object are what S3 said of it when the export was made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, NamedTuple

from phivault.audit.canonical import field_expression
from phivault.audit.export import layout
from phivault.audit.export.manifest import File
from phivault.audit.export.segments import MAX_OBJECTS, ObjectEntry, parse_object, unpack
from phivault.audit.verify import contents
from phivault.audit.verify.chains import Ends
from phivault.audit.verify.files import Files
from phivault.audit.verify.finding import Findings, Step
from phivault.audit.verify.lines import Lines
from phivault.errors import IntegrityError

_KEY: Final = r"ev/\d{4}/\d\d/\d\d/\d\d/([0-9a-f]{2})/([0-9a-f]{32})-([0-9a-f]{8})\.json"
_NUMBER: Final = field_expression("version")
_SOUND: Final = re.compile(
    rf'^\{{"count":({_NUMBER}),"etag":"([0-9a-f]{{32}})","first":({_NUMBER}),"key":"({_KEY})",'
    rf'"modified":"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z","size":({_NUMBER}),"versions":1\}}\n',
    re.ASCII | re.MULTILINE,
)


class Entry(NamedTuple):
    """A line of an export's objects, as written."""

    lines: str
    etag: str
    first: str
    key: str
    shard: str
    writer: str
    sequence: str
    size: str


@dataclass(slots=True)
class Run:
    """Bytes of consecutive lines. ``writer`` is theirs, "" if they aren't of one; ``withheld`` says that the bytes
    aren't all here."""

    count: int
    body: bytes
    writer: str
    withheld: bool


@dataclass(slots=True)
class Covered:
    """A segment's objects in order. ``head`` are lines before the first that begins in it; ``tail`` is the last, where
    ``missing`` lines of it are in the segments after, and ``tail_run`` what is here of it."""

    count: int = 0
    head: Run = field(default_factory=lambda: Run(0, b"", "", withheld=False))
    tail: Entry | None = None
    tail_run: Run | None = None
    starts: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


class _Segment:
    """The lines of a segment, by byte."""

    def __init__(self, taken: Lines) -> None:
        self.taken = taken
        self.offsets = list(accumulate(map(len, taken.lines), lambda total, length: total + length + 1, initial=0))
        self.view = memoryview(taken.data)

    def run(self, start: int, end: int) -> Run:
        writers = set(self.taken.writers[start:end])
        body = self.taken.data[self.offsets[start] : self.offsets[end]]
        return Run(end - start, body, writers.pop() if len(writers) == 1 else "", self.lacks(start, end))

    def lacks(self, start: int, end: int) -> bool:
        return bool(self.taken.withheld) and any(at in self.taken.withheld for at in range(start, end))


def check_segment(found: Findings, taken: Lines, data: bytes, ends: dict[str, Ends]) -> Covered:
    """``data`` are the objects that begin in the segment. Sets each writer's last object in ``ends``."""
    segment, covered, lines = _Segment(taken), Covered(), len(taken.lines)
    at: int | None = None
    shards: dict[str, str] = {}
    last: dict[str, int] = {}
    for entry in _entries(found, data):
        start = int(entry[2]) - taken.first
        end = start + int(entry[0])
        if not (max(at or 0, 0) <= start < lines and start < end) or (at is not None and start != at):
            found.add(Step.OBJECTS, "Objects don't follow each other line by line", leaf=int(entry[2]), object=entry[3])
            at = max(at or 0, min(end, lines))
            continue
        if at is None:
            covered.head = segment.run(0, start)
        at = min(end, lines)
        covered.starts.append(taken.first + start)
        covered.keys.append(entry[3])
        last[entry[5]] = start
        _check_name(found, segment, entry, start, at, shards)
        if end > lines:
            covered.tail, covered.tail_run = Entry(*entry), segment.run(start, lines)
        else:
            _check_bytes(found, segment, entry, start, end)
    covered.count = len(covered.starts)
    if at is None:
        covered.head = segment.run(0, lines)
    elif at < lines:
        found.add(Step.OBJECTS, "A line lies in no stored object", leaf=taken.first + at, event=taken.event(at))
    for writer, start in last.items():
        if writer in ends:
            sequence, prev = taken.sequences[start], taken.prevs[start]
            ends[writer] = ends[writer]._replace(object_sequence=sequence, object_prev=prev)
    return covered


def _entries(found: Findings, data: bytes) -> Iterator[tuple[str, ...]]:
    text = data.decode("latin-1")
    rows = _SOUND.findall(text)
    if len(rows) == data.count(b"\n") and (not data or data.endswith(b"\n")):
        yield from rows
        return
    for line in data.split(b"\n"):
        match = _SOUND.fullmatch(line.decode("latin-1") + "\n")
        if match is not None:
            yield match.groups()
        elif line:
            _explain(found, line)


def _explain(found: Findings, line: bytes) -> None:
    with found.catch(Step.OBJECTS):
        entry = parse_object(line)
        text = "An object's name or MD5 has not the form of a recorder's"
        if entry.versions > 1:
            text = "An object has more than one version"
        found.add(Step.OBJECTS, text, leaf=entry.first, object=entry.key)


def _check_name(
    found: Findings, segment: _Segment, entry: tuple[str, ...], start: int, end: int, shards: dict[str, str]
) -> None:
    taken, writer = segment.taken, entry[5]
    if writer not in shards:
        shards[writer] = hashlib.sha256(writer.encode()).hexdigest()[:2]
    if (
        taken.writers[start] != writer
        or taken.sequences[start] != int(entry[6], 16)
        or (end - start > 1 and taken.writers[start:end].count(writer) != end - start)
    ):
        found.add(Step.OBJECTS, "An object's name is not that of its lines", leaf=taken.first + start, object=entry[3])
    if shards[writer] != entry[4]:
        found.add(Step.OBJECTS, "An object's shard is not its writer's", leaf=taken.first + start, object=entry[3])


def _check_bytes(found: Findings, segment: _Segment, entry: tuple[str, ...], start: int, end: int) -> None:
    body = segment.view[segment.offsets[start] : segment.offsets[end]]
    if (
        len(body) != int(entry[7]) or hashlib.md5(body, usedforsecurity=False).hexdigest() != entry[1]
    ) and not segment.lacks(start, end):
        leaf = segment.taken.first + start
        found.add(Step.OBJECTS, _DIFFERS, leaf=leaf, event=segment.taken.event(start), object=entry[3])


_DIFFERS: Final = "A stored object is not what the log has of it"


class Borders:
    """Objects that go on from one segment into the next. ``whole`` says that the export has the log from its first
    line on; otherwise the first lines may be the rest of an object that isn't here."""

    def __init__(self, *, whole: bool) -> None:
        self._open: Entry | None = None
        self._missing, self._size, self._withheld = 0, 0, False
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._may_begin_inside = not whole

    def join(self, found: Findings, first: int, covered: Covered) -> None:
        if covered.head.count:
            self._go_on(found, first, covered.head, last=not covered.count)
        elif self._open is not None:
            self._lost(found)
        self._may_begin_inside = False
        if covered.tail is not None and covered.tail_run is not None:
            run, self._open = covered.tail_run, covered.tail
            self._missing, self._size = int(covered.tail.lines) - run.count, len(run.body)
            self._md5, self._withheld = hashlib.md5(run.body, usedforsecurity=False), run.withheld

    def finish(self, found: Findings) -> None:
        if self._open is not None:
            self._lost(found)

    def _go_on(self, found: Findings, first: int, run: Run, *, last: bool) -> None:
        entry = self._open
        if entry is None:
            if not (self._may_begin_inside and run.writer):
                found.add(Step.OBJECTS, "A line lies in no stored object", leaf=first)
            return
        self._md5.update(run.body)
        self._missing, self._size = self._missing - run.count, self._size + len(run.body)
        self._withheld |= run.withheld
        if run.writer != entry.writer or self._missing < 0 or (self._missing and not last):
            self._lost(found)
        elif not self._missing:
            self._open = None
            if not self._withheld and (self._size, self._md5.hexdigest()) != (int(entry.size), entry.etag):
                found.add(Step.OBJECTS, _DIFFERS, leaf=int(entry.first), object=entry.key)

    def _lost(self, found: Findings) -> None:
        assert self._open is not None
        found.add(
            Step.OBJECTS, "An object's lines are not all in the log", leaf=int(self._open.first), object=self._open.key
        )
        self._open = None


def check_unsealed(found: Findings, files: Files, listed: Mapping[str, File]) -> None:
    """Objects that stood in the bucket, older than the checkpoint, without a line in the log."""
    data = contents.read(found, files, layout.UNSEALED, listed)
    if data is None:
        return
    with found.catch(Step.OBJECTS, layout.UNSEALED):
        for line in unpack(data, MAX_OBJECTS):
            found.add(Step.OBJECTS, "A stored object is not in the log", object=_unsealed(line).key)


def _unsealed(line: bytes) -> ObjectEntry:
    entry = parse_object(line)
    if entry.first is not None:
        raise IntegrityError("An object that isn't in the log names a leaf")
    return entry
