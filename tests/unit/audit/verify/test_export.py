"""Whole exports: several segments, several processes, what is left out of some."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from phivault.audit.export import layout
from phivault.audit.verify.checkpoints import Trust
from phivault.audit.verify.export import verify
from phivault.audit.verify.finding import KEPT, Finding, Findings, Step
from phivault.cli.audit.folder import Folder
from phivault.cli.audit.processes import Processes
from phivault.errors import IntegrityError, InvalidInput, NotFound
from tests.support.exports import Memory, Trail, canonical, changed, export, resigned, trail, write_export

SIZE = layout.SEGMENT + 3000


@pytest.fixture(scope="module")
def long() -> Trail:
    """More than a segment, with an object that lies in both."""
    made = trail(SIZE, per_minute=6000, lifetime=3000)
    at = next(at for at, entry in enumerate(made.objects) if (entry.first or 0) + entry.count >= layout.SEGMENT)
    while (made.objects[at].first or 0) + made.objects[at].count == layout.SEGMENT:
        made = trail(SIZE, per_minute=6000, lifetime=3000, seed=len(made.objects) + at)
        at = next(at for at, entry in enumerate(made.objects) if (entry.first or 0) + entry.count >= layout.SEGMENT)
    return made


def texts(log: Trail, **options: object) -> set[str]:
    report = verify(Memory(export(log)), log.keys.trust, **options)
    return {f"{each.step.value} {each.text}" for each in report.findings.kept}


def test_a_log_of_two_segments_is_valid(long: Trail) -> None:
    told: list[tuple[int, int]] = []
    report = verify(Memory(export(long)), long.keys.trust, progress=lambda done, total: told.append((done, total)))
    assert report.valid
    assert (report.lines, report.objects, report.withheld) == (SIZE, len(long.objects), 0)
    assert told == [(layout.SEGMENT, SIZE), (SIZE, SIZE)]


@pytest.mark.parametrize("options", [{"tenant": "north"}, {"first": layout.SEGMENT}])
def test_a_part_of_a_log_is_valid(long: Trail, options: dict[str, object]) -> None:
    report = verify(Memory(export(long, **options)), long.keys.trust)
    assert report.valid, [str(each) for each in report.findings.kept]
    assert bool(report.withheld) == ("tenant" in options)


@pytest.mark.parametrize("minutes", [1, 30, 61, 180])
def test_a_young_log_is_valid_with_its_newest_checkpoint_alone(minutes: int) -> None:
    log = trail(minutes * 2, per_minute=2)
    log.checkpoints = log.checkpoints[-1:]
    for hourly in (True, False):
        files = export(log)
        kept = {path: body for path, body in files.items() if hourly or not path.startswith("checkpoints/")}
        report = verify(Memory(resigned(kept, log.keys)), log.keys.trust)
        assert report.valid, [str(each) for each in report.findings.kept]
        assert report.hourly == hourly


def test_a_later_part_whose_earlier_checkpoints_were_left_out(long: Trail) -> None:
    """The witness was held back for four hours; with no checkpoint before, the lines themselves tell."""
    log = copy.deepcopy(long)
    size, tree, at = log.checkpoints[-1]
    log.checkpoints = [(size, tree, (at or 0) + 4 * 3600)]
    report = verify(Memory(export(log, first=layout.SEGMENT)), log.keys.trust)
    assert {each.step for each in report.findings.kept} == {Step.TIME}
    assert report.findings.kept[0].leaf == layout.SEGMENT
    assert "over 3 hours older than the first checkpoint" in report.findings.kept[0].text


def test_a_chain_broken_between_segments(long: Trail) -> None:
    """The first line of each writer in the second segment has another line's prev."""
    log = copy.deepcopy(long)
    log.lines[layout.SEGMENT :] = log.lines[layout.SEGMENT + 4 :] + log.lines[layout.SEGMENT : layout.SEGMENT + 4]
    found = texts(log.rooted())
    assert "V5 A writer's sequence doesn't count up by one" in found


def test_an_object_over_the_border_of_segments(long: Trail) -> None:
    log = copy.deepcopy(long)
    at = next(at for at, entry in enumerate(log.objects) if (entry.first or 0) + entry.count > layout.SEGMENT)
    good = log.objects[at]
    assert (good.first or 0) < layout.SEGMENT
    for name, value, text in (
        ("etag", "0" * 32, "V6 A stored object is not what the log has of it"),
        ("size", good.size + 1, "V6 A stored object is not what the log has of it"),
        ("count", good.count - 1, "V6 An object's lines are not all in the log"),
        ("count", good.count + 1, "V6 An object's lines are not all in the log"),
    ):
        log.objects[at] = changed(good, **{name: value})
        said = texts(log)
        assert text in said or "V6 A line lies in no stored object" in said, (name, said)


def test_an_object_that_goes_on_after_the_log(long: Trail) -> None:
    log = copy.deepcopy(long)
    log.objects[-1] = changed(log.objects[-1], count=log.objects[-1].count + 1)
    assert "V6 An object's lines are not all in the log" in texts(log)


def test_processes_find_the_same(tmp_path: Path) -> None:
    keys = write_export(tmp_path, SIZE, per_minute=6000)
    with Processes(2) as run:
        alone, together = (verify(Folder(tmp_path), keys.trust, **how) for how in ({}, {"run": run}))
        assert alone == together
        assert alone.valid
        path = tmp_path / layout.lines_path(layout.SEGMENT)
        path.write_bytes(path.read_bytes()[:-9])
        assert verify(Folder(tmp_path), keys.trust, run=run).findings.kept[0].path == layout.lines_path(layout.SEGMENT)


def test_without_a_witness_the_exports_own_is_used() -> None:
    log = trail(50, per_minute=10)
    report = verify(Memory(export(log)), Trust(log.keys.trust.log))
    assert report.valid
    assert report.checkpoint is not None
    assert report.checkpoint.witnessed_at == log.checkpoints[-1][2]


def test_keys_of_the_wrong_kind_are_refused() -> None:
    log = trail(50, per_minute=10)
    trust = log.keys.trust
    assert trust.witness is not None
    for wrong in (Trust(trust.witness), Trust(trust.log, trust.log)):
        with pytest.raises(InvalidInput):
            verify(Memory(export(log)), wrong)


def test_many_findings_are_counted_and_some_are_kept() -> None:
    log = trail(400, per_minute=50)
    log.lines = [line.replace(b'"role":"clinician"', b'"role":"Clinician"') for line in log.lines]
    report = verify(Memory(export(log.restored().rooted())), log.keys.trust)
    events = sum(b'"event"' in line for line in log.lines)
    assert report.findings.counts[Step.LINES] == events
    assert sum(each.step is Step.LINES for each in report.findings.kept) == KEPT


def test_a_finding_names_its_place() -> None:
    assert str(Finding(Step.LINES, "Wrong", leaf=0, event="e", object="o")) == "V4 Wrong (leaf 0, event e, object o)"
    found = Findings()
    with found.catch(Step.FILES, "x"):
        raise NotFound
    assert str(found.kept[0]) == "V1 Not found (file x)"


def test_a_folder_reads_regular_files_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").mkdir()
    folder = Folder(tmp_path)
    assert folder.names() == {"a", "b"}
    assert folder.read("a", 5) == b"12345"
    for path, limit in (("a", 4), ("b", 9), ("c", 9)):
        with pytest.raises(IntegrityError):
            folder.read(path, limit)
    for path in ("d", "a/b"):
        with pytest.raises(NotFound):
            folder.read(path, 9)


def test_lines_made_by_the_generator_are_the_recorders_form() -> None:
    for line in trail(200, per_minute=50).lines:
        assert canonical(json.loads(line)) == line
