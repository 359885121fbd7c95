"""The check of a whole export, in the order of docs/audit-format.md section 10."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import batched
from typing import Final, Protocol

from phivault.audit.export import layout
from phivault.audit.export.manifest import File, Manifest
from phivault.audit.log.checkpoint import VerifiedCheckpoint
from phivault.audit.log.merkle import root, root_at
from phivault.audit.log.tiles import WIDTH, Tile, TileNodes
from phivault.audit.verify import checkpoints, contents, objects, segment, times, tree
from phivault.audit.verify.chains import Chains
from phivault.audit.verify.checkpoints import Trust
from phivault.audit.verify.files import Files
from phivault.audit.verify.finding import Findings, Step
from phivault.audit.verify.objects import Borders
from phivault.audit.verify.segment import Job, Result
from phivault.audit.verify.times import Witnessed

_BATCH: Final = 256
_TILE_BYTES: Final = 8192
SAVED: Final = "the saved checkpoint"


class Run(Protocol):
    """Applies a function to jobs, here or in other processes. Obligation: results in the order of the jobs."""

    def __call__[J, R](self, check: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]: ...


def here[J, R](check: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
    return map(check, jobs)


@dataclass(slots=True)
class Report:
    """What was checked and found. ``lines`` were read by ``deep`` checks alone, ``withheld`` ones of them stand for
    lines of other tenants; ``hourly`` are the older checkpoints that came along."""

    manifest: Manifest
    deep: bool
    findings: Findings = field(default_factory=Findings)
    checkpoint: VerifiedCheckpoint | None = None
    hourly: int = 0
    lines: int = 0
    withheld: int = 0
    writers: int = 0
    objects: int = 0

    @property
    def valid(self) -> bool:
        return not self.findings.counts


def verify(
    files: Files,
    trust: Trust,
    *,
    since: VerifiedCheckpoint | None = None,
    quick: bool = False,
    run: Run = here,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Checks an export against keys, and a checkpoint, that the auditor has from elsewhere. ``progress`` is told how
    much of how much is done. Raises InvalidInput for what is no export of this version; whatever else is wrong is a
    finding."""
    stated, data = contents.read_manifest(files)
    report = Report(stated, not quick)
    found = report.findings
    contents.check_signature(found, files, stated, data, trust.log)
    contents.check_names(found, files, stated)
    witness = checkpoints.witness_of(found, files, stated, trust)
    report.checkpoint = checkpoints.check_checkpoint(found, files, stated, trust.log, witness)
    if report.checkpoint is None:
        return report  # without a tree nothing else can be true or false
    older = checkpoints.read_hourly(found, files, stated.files, trust.log, witness)
    report.hourly = len(older)
    older += [(SAVED, since)] if since else []
    witnessed = checkpoints.witnessed(report.checkpoint, *(verified for _, verified in older))
    if quick:
        _quick(report, files, run, progress)
    else:
        _deep(report, files, witnessed, run, progress)
    checkpoints.check_history(found, _nodes(files, stated), report.checkpoint, older)
    objects.check_unsealed(found, files, stated.files)
    times.check_heartbeat(found, witnessed, stated.created)
    return report


def _nodes(files: Files, stated: Manifest) -> TileNodes:
    return TileNodes(lambda path: files.read(path, _TILE_BYTES), stated.size)


def _deep(
    report: Report,
    files: Files,
    witnessed: list[Witnessed],
    run: Run,
    progress: Callable[[int, int], None],
) -> None:
    stated, found = report.manifest, report.findings
    contents.read(found, files, layout.README, stated.files)
    chains, borders = Chains(whole=stated.first == 0), Borders(whole=stated.first == 0)
    roots: list[bytes | None] = []
    for result in run(segment.check, _jobs(stated, files, witnessed)):
        found.merge(result.findings)
        roots.append(result.root)
        if result.first >= stated.first:
            _join(report, result, chains, borders)
        progress(result.first + result.count, stated.size)
    chains.check_predecessors(found)
    borders.finish(found)
    report.writers = len(chains.ends)
    _check_root(report, files, roots)


def _join(report: Report, result: Result, chains: Chains, borders: Borders) -> None:
    chains.join(report.findings, result.first, result.ends, result.genesis)
    if result.covered is not None:
        borders.join(report.findings, result.first, result.covered)
        report.objects += result.covered.count
    report.lines += result.count
    report.withheld += result.withheld


def _check_root(report: Report, files: Files, roots: list[bytes | None]) -> None:
    found, stated, checkpoint = report.findings, report.manifest, report.checkpoint
    known = [each for each in roots if each is not None]
    assert checkpoint is not None
    if len(known) < len(roots) or root(known) != checkpoint.checkpoint.root:
        found.add(Step.TREE, "The lines don't give the checkpoint's root", path=layout.CHECKPOINT)
    if len(known) == len(roots):
        tree.check_upper(found, files, stated.files, known[: stated.size // layout.SEGMENT])


def _jobs(stated: Manifest, files: Files, witnessed: list[Witnessed]) -> Iterator[Job]:
    segments = {each.first: each for each in stated.segments}
    for first in range(0, stated.size, layout.SEGMENT):
        count = min(layout.SEGMENT, stated.size - first)
        held = segments.get(first)
        paths = [Tile(0, at // WIDTH, min(WIDTH, first + count - at)).path for at in range(first, first + count, WIDTH)]
        if count >= WIDTH:
            paths.append(Tile(1, first // layout.SEGMENT, count // WIDTH).path)
        paths += [held.lines, held.objects] if held else []
        listed = {path: stated.files[path] for path in paths if path in stated.files}
        brackets = tuple(times.brackets(witnessed, first, first + count))
        yield Job(files, first, count, held, listed, stated.size, stated.tenant, brackets)


def _quick(report: Report, files: Files, run: Run, progress: Callable[[int, int], None]) -> None:
    """The lines aren't read: that the tiles are theirs is taken from the signature over the manifest."""
    stated, found = report.manifest, report.findings
    batches = list(_batches(stated))
    for done, result in enumerate(run(_check_batch, [_Batch(files, each) for each in batches]), 1):
        found.merge(result)
        progress(done, len(batches))
    with found.catch(Step.TREE):
        assert report.checkpoint is not None
        if root_at(_nodes(files, stated), stated.size) != report.checkpoint.checkpoint.root:
            found.add(Step.TREE, "The tiles don't give the checkpoint's root", path=layout.CHECKPOINT)


@dataclass(frozen=True, slots=True)
class _Batch:
    files: Files
    listed: Mapping[str, File]


def _batches(stated: Manifest) -> Iterator[dict[str, File]]:
    """What the other steps of a quick check don't read: large files one by one, small ones in batches."""
    read = (layout.CHECKPOINT, layout.LOG_KEY, layout.WITNESS_KEY, layout.UNSEALED, "checkpoints/")
    rest = {path: file for path, file in stated.files.items() if not path.startswith(read)}
    large = {path for path in rest if path.startswith(("segments/", "objects/"))}
    yield from ({path: rest[path]} for path in sorted(large))
    yield from map(dict, batched(((path, rest[path]) for path in rest if path not in large), _BATCH, strict=False))


def _check_batch(batch: _Batch) -> Findings:
    return contents.check_files(batch.files, batch.listed, batch.listed)
