"""V6: every line lies in one stored object, whose bytes are a run of the log's lines; every object is in the log.

Size, MD5 and versions of an object are what S3 said of it when the export was made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import md5, sha256
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

_HOUR: Final = r"\d{4}/(?:0[1-9]|1[0-2])/(?:0[1-9]|[12]\d|3[01])/(?:[01]\d|2[0-3])"
_KEY: Final = rf"ev/{_HOUR}/([0-9a-f]{{2}})/([0-9a-f]{{32}})-([0-9a-f]{{8}})\.json"
_NUMBER: Final = field_expression("version")
_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
_SOUND: Final = re.compile(
    rf'^\{{"count":({_NUMBER}),"etag":"([0-9a-f]{{32}})","first":({_NUMBER}),"key":"({_KEY})",'
    rf'"modified":"{_TIME}","size":({_NUMBER}),"versions":1\}}\n',
    re.ASCII | re.MULTILINE,
)
# What lines don't tell of their objects; the rest is only delimited, with the length of a key's.
_TOLD: Final = re.compile(
    rf'^\{{"count":([1-9]\d{{0,4}}),"etag":"[^"]*+","first":\d++,"key":"ev/([^"]{{13}})/[^"]{{49}}",'
    rf'"modified":"({_TIME})","size":\d++,"versions":1\}}\n',
    re.ASCII | re.MULTILINE,
)
_FIRST: Final = re.compile(r'[^\n]{,100}?"first":(\d{1,16}),')
_HOURS: Final = re.compile(_HOUR, re.ASCII)


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


def check_segment(found: Findings, taken: Lines, data: bytes, ends: dict[str, Ends]) -> Covered:
    """``data`` are the objects that begin in the segment. Sets each writer's last object in ``ends``."""
    sound = _sound(taken, data.decode("latin-1"))
    placed = _in_order(found, taken, _entries(found, data[sound.length :]), sound.end)
    _name(found, taken, placed)
    covered = Covered(sound.count + len(placed))
    begin = sound.begin if sound.count else placed[0][0] if placed else len(taken)
    end = placed[-1][1] if placed else sound.end
    covered.head = _run(taken, 0, begin)
    if end is not None and end < len(taken):
        found.add(Step.OBJECTS, _NOWHERE, leaf=taken.first + end, event=taken.event(end))
    elif placed and placed[-1][1] > len(taken):
        start, _, row = placed[-1]
        covered.tail, covered.tail_run = Entry(*row), _run(taken, start, len(taken))
    for writer, start in (sound.last | {row[5]: start for start, _, row in placed}).items():
        if writer in ends:
            sequence, prev = taken.sequences[start], taken.prevs[start]
            ends[writer] = ends[writer]._replace(object_sequence=sequence, object_prev=prev)
    return covered


def places(taken: Lines, data: bytes) -> list[tuple[int, str]]:
    """Leaf and key of each object that follows on the one before, for ``check_segment``'s ``data``."""
    placed = _in_order(Findings(), taken, _entries(Findings(), data))
    return [(taken.first + start, row[3]) for start, _, row in placed]


@dataclass(slots=True)
class _Sound:
    """The ``count`` objects up to the first with something to name: their lines (``end`` is None where there are none),
    the length of their text, and where each writer's last begins."""

    begin: int = 0
    end: int | None = None
    count: int = 0
    length: int = 0
    last: dict[str, int] = field(default_factory=dict)


def _sound(taken: Lines, text: str) -> _Sound:
    """Writes what must stand there for the lines, and compares: that is faster than reading what does."""
    sound, rows, first = _Sound(), _TOLD.findall(text), _FIRST.match(text)
    if first is None or len(rows) != text.count("\n") or not 0 <= int(first[1]) - taken.first < len(taken):
        return sound
    if not all(map(_HOURS.fullmatch, {row[1] for row in rows})):
        return sound
    at = int(first[1]) - taken.first
    lines, end, last = _expected(taken, rows, at)
    expected = "".join(lines)
    return _Sound(at, end, len(lines), len(expected), last) if lines and text.startswith(expected) else sound


def _expected(taken: Lines, rows: list[_Row], at: int) -> tuple[list[str], int, dict[str, int]]:
    """The texts of the objects from line ``at`` on that end in the segment and are of one writer each; the end of the
    last, and where each writer's last begins."""
    view, offsets, writers, sequences = taken.data, taken.offsets, taken.writers, taken.sequences
    names = {writer: f"{_shard(writer)}/{writer}" for writer in set(writers)}
    texts: list[str] = []
    last: dict[str, int] = {}
    first, whole, start = taken.first, len(writers), offsets[at]
    for count, hour, modified in rows:
        end = at + int(count)
        if at == whole or end > whole:
            break
        writer, stop = writers[at], offsets[end]
        if end - at > 1 and writers[at:end].count(writer) != end - at:
            break
        texts.append(
            f'{{"count":{count},"etag":"{md5(view[start:stop], usedforsecurity=False).hexdigest()}",'
            f'"first":{first + at},"key":"ev/{hour}/{names[writer]}-{sequences[at]:08x}.json",'
            f'"modified":"{modified}","size":{stop - start},"versions":1}}\n'
        )
        last[writer] = at
        at, start = end, stop
    return texts, at, last


type _Row = tuple[str, ...]
type _Placed = tuple[int, int, _Row]


def _in_order(found: Findings, taken: Lines, rows: list[_Row], expected: int | None = None) -> list[_Placed]:
    """Each object's first line and the one after its last, in the segment; what doesn't go on where the one before
    (at first, ``expected``) ended is left out."""
    placed: list[_Placed] = []
    for row in rows:
        start = int(row[2]) - taken.first
        end = start + int(row[0])
        if (start != expected and (expected is not None or not 0 <= start < len(taken))) or start >= len(taken):
            found.add(Step.OBJECTS, "Objects don't follow each other line by line", leaf=int(row[2]), object=row[3])
            expected = max(expected or 0, end)
        elif start == end:
            found.add(Step.OBJECTS, "An object has no lines", leaf=int(row[2]), object=row[3])
        else:
            placed.append((start, end, row))
            expected = end
    return placed


def _name(found: Findings, taken: Lines, placed: list[_Placed]) -> None:
    for start, end, row in placed:
        leaf, here = taken.first + start, min(end, len(taken))
        if set(taken.writers[start:here]) != {row[5]} or taken.sequences[start] != int(row[6], 16):
            found.add(Step.OBJECTS, "An object's name is not that of its lines", leaf=leaf, object=row[3])
        if _shard(row[5]) != row[4]:
            found.add(Step.OBJECTS, "An object's shard is not its writer's", leaf=leaf, object=row[3])
        run = _run(taken, start, here)
        if here < end or run.withheld:
            continue
        if len(run.body) != int(row[7]) or _md5(run.body).hexdigest() != row[1]:
            found.add(Step.OBJECTS, _DIFFERS, leaf=leaf, event=taken.event(start), object=row[3])


def _run(taken: Lines, start: int, end: int) -> Run:
    writers = set(taken.writers[start:end])
    body = bytes(taken.data[taken.offsets[start] : taken.offsets[end]])
    withheld = bool(taken.withheld) and not taken.withheld.isdisjoint(range(start, end))
    return Run(end - start, body, writers.pop() if len(writers) == 1 else "", withheld)


def _shard(writer: str) -> str:
    return sha256(writer.encode()).hexdigest()[:2]


def _entries(found: Findings, data: bytes) -> list[_Row]:
    """Those of a recorder's objects, as in ``Entry``."""
    rows = _SOUND.findall(data.decode("latin-1"))
    if len(rows) == data.count(b"\n") and (not data or data.endswith(b"\n")):
        return rows
    taken: list[_Row] = []
    for line in data.split(b"\n"):
        match = _SOUND.fullmatch(line.decode("latin-1") + "\n")
        if match is not None:
            taken.append(match.groups())
        elif line:
            _explain(found, line)
    return taken


def _explain(found: Findings, line: bytes) -> None:
    with found.catch(Step.OBJECTS):
        entry = parse_object(line)
        text = "An object's name or MD5 has not the form of a recorder's"
        if entry.versions > 1:
            text = "An object has more than one version"
        found.add(Step.OBJECTS, text, leaf=entry.first, object=entry.key)


_DIFFERS: Final = "A stored object is not what the log has of it"
_NOWHERE: Final = "A line lies in no stored object"
_md5: Final = partial(md5, usedforsecurity=False)


class Borders:
    """Objects that go on from one segment into the next. ``whole`` says that the export has the log from its first
    line on; otherwise the first lines may be the rest of an object that isn't here."""

    def __init__(self, *, whole: bool) -> None:
        self._open: Entry | None = None
        self._missing, self._size, self._withheld = 0, 0, False
        self._md5 = _md5()
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
            self._md5, self._withheld = _md5(run.body), run.withheld

    def finish(self, found: Findings) -> None:
        if self._open is not None:
            self._lost(found)

    def _go_on(self, found: Findings, first: int, run: Run, *, last: bool) -> None:
        entry = self._open
        if entry is None:
            if not (self._may_begin_inside and run.writer):
                found.add(Step.OBJECTS, _NOWHERE, leaf=first)
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
