"""What one process checks by itself: a segment, steps V1 and V3 to V6 and V8."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter

from phivault.audit.export.manifest import File, Segment
from phivault.audit.export.segments import MAX_LINES, MAX_OBJECTS, decompress
from phivault.audit.log.tiles import TileNodes
from phivault.audit.verify import chains, contents, objects, times, tree
from phivault.audit.verify.chains import Ends
from phivault.audit.verify.files import Files
from phivault.audit.verify.finding import Findings, Step
from phivault.audit.verify.lines import Genesis, Lines, read_lines
from phivault.audit.verify.objects import Covered
from phivault.audit.verify.room import unpack
from phivault.audit.verify.times import Bracket

_TILE_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Job:
    """``segment`` is None for a part of the log whose lines aren't in the export. ``listed`` has its files; ``size`` is
    the tree's; ``brackets`` are those of its leaves."""

    files: Files
    first: int
    count: int
    segment: Segment | None
    listed: Mapping[str, File]
    size: int
    tenant: str
    brackets: tuple[Bracket, ...]


@dataclass(slots=True)
class Result:
    """``root`` is None where the lines couldn't be read."""

    first: int
    count: int
    findings: Findings = field(default_factory=Findings)
    root: bytes | None = None
    ends: dict[str, Ends] = field(default_factory=dict)
    genesis: list[Genesis] = field(default_factory=list)
    covered: Covered | None = None
    withheld: int = 0


def check(job: Job) -> Result:
    result = Result(job.first, job.count)
    if job.segment is None:
        leaves = tree.leaves_in_tiles(result.findings, job.files, job.listed, job.first, job.count)
        if leaves is not None:
            result.root = tree.check_segment(result.findings, job.files, job.listed, job.first, leaves)
        return result
    taken = _lines(result.findings, job, job.segment)
    if taken is not None:
        _check(result, job, job.segment, taken)
    return result


def _check(result: Result, job: Job, segment: Segment, taken: Lines) -> None:
    found = result.findings
    result.root = tree.check_segment(found, job.files, job.listed, job.first, taken.leaves)
    if result.root.hex() != segment.root:
        found.add(Step.TREE, "A segment's root is not the manifest's", path=segment.lines, leaf=job.first)
    result.ends = chains.check_segment(found, taken)
    result.genesis, result.withheld = taken.genesis, len(taken.withheld)
    stored = _objects(found, job, segment)
    if stored is not None:
        result.covered = objects.check_segment(found, taken, stored, result.ends)
    times.check_segment(found, taken, job.brackets)
    times.check_seen(found, taken, TileNodes(lambda path: job.files.read(path, _TILE_BYTES), job.size))
    if stored is not None and found.kept:
        _name_objects(found, objects.places(taken, stored))


def _lines(found: Findings, job: Job, segment: Segment) -> Lines | None:
    frame = contents.read(found, job.files, segment.lines, job.listed)
    if frame is not None:
        with found.catch(Step.LINES, segment.lines):
            return read_lines(found, job.first, unpack(frame, MAX_LINES), job.count, job.tenant)
    return None


def _objects(found: Findings, job: Job, segment: Segment) -> bytes | None:
    frame = contents.read(found, job.files, segment.objects, job.listed)
    if frame is not None:
        with found.catch(Step.OBJECTS, segment.objects):
            return decompress(frame, MAX_OBJECTS)
    return None


def _name_objects(found: Findings, places: list[tuple[int, str]]) -> None:
    """Says of each finding at a leaf in what object that lies."""
    for at, finding in enumerate(found.kept):
        if finding.leaf is not None and not finding.object:
            place = bisect_right(places, finding.leaf, key=itemgetter(0)) - 1
            if place >= 0:
                found.kept[at] = replace(finding, object=places[place][1])
