"""What one process checks by itself: a segment, steps V1 and V3 to V6 and V8."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from phivault.audit.export.manifest import File, Segment
from phivault.audit.export.segments import MAX_LINES, MAX_OBJECTS, decompress
from phivault.audit.log.tiles import TileNodes
from phivault.audit.verify import chains, contents, objects, times, tree
from phivault.audit.verify.chains import Ends
from phivault.audit.verify.files import Files
from phivault.audit.verify.finding import Findings, Step
from phivault.audit.verify.lines import Genesis, Lines, read_lines
from phivault.audit.verify.objects import Covered
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
    stored = _decompressed(found, job, segment.objects, Step.OBJECTS, MAX_OBJECTS)
    if stored is not None:
        result.covered = objects.check_segment(found, taken, stored, result.ends)
    times.check_segment(found, taken, job.brackets)
    times.check_seen(found, taken, TileNodes(lambda path: job.files.read(path, _TILE_BYTES), job.size))
    if result.covered is not None:
        _name_objects(found, result.covered)
        result.covered.starts, result.covered.keys = [], []


def _lines(found: Findings, job: Job, segment: Segment) -> Lines | None:
    data = _decompressed(found, job, segment.lines, Step.LINES, MAX_LINES)
    return None if data is None else read_lines(found, job.first, data, job.count, job.tenant)


def _decompressed(found: Findings, job: Job, path: str, step: Step, limit: int) -> bytes | None:
    frame = contents.read(found, job.files, path, job.listed)
    if frame is not None:
        with found.catch(step, path):
            return decompress(frame, limit)
    return None


def _name_objects(found: Findings, covered: Covered) -> None:
    """Says of each finding at a leaf in what object that lies."""
    for at, finding in enumerate(found.kept):
        if finding.leaf is not None and not finding.object:
            place = bisect_right(covered.starts, finding.leaf) - 1
            if place >= 0:
                found.kept[at] = replace(finding, object=covered.keys[place])
