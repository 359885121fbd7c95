"""How the report of a check is shown."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from phivault.audit.verify.checkpoints import Trust
from phivault.audit.verify.export import Report
from phivault.audit.verify.finding import KEPT, Step
from phivault.audit.verify.times import rfc3339

_QUICK = {
    Step.FILES: Step.FILES.meaning,
    Step.CHECKPOINT: Step.CHECKPOINT.meaning,
    Step.TREE: "the tiles give the checkpoint's root (what the lines give was not computed)",
    Step.OBJECTS: "every object is in the log (what they hold was not compared)",
    Step.HISTORY: Step.HISTORY.meaning,
    Step.TIME: "the witness was never long without a checkpoint (events' times were not compared)",
}

SHOWN: Final = 5
"""Findings of a step in text. One altered file can break thousands of lines; the first ones say where."""
UNPINNED: Final = " (whose key the export alone names)"


def as_text(report: Report, trust: Trust) -> Iterator[str]:
    manifest, found = report.manifest, report.findings
    yield f"export {manifest.id} of {manifest.origin}, made {manifest.created}"
    if manifest.tenant:
        yield f"lines of other tenants than {manifest.tenant} are withheld"
    if manifest.first:
        yield f"lines before leaf {manifest.first} are not in it"
    if report.checkpoint is not None:
        yield f"checkpoint of {manifest.size} lines{_witnessed(report)}, older kept: {report.hourly}"
    if report.deep and report.lines:
        withheld = f" ({report.withheld} withheld)" if report.withheld else ""
        yield f"{report.lines} lines{withheld} of {report.writers} writers in {report.objects} objects"
    yield ""
    steps = {step: step.meaning for step in Step} if report.deep else _QUICK
    for step in Step:
        if step in steps and (report.checkpoint is not None or step < Step.TREE):
            count = found.counts[step]
            unsure = UNPINNED if step is Step.CHECKPOINT and trust.witness is None else ""
            yield f"{step.value} {f'FAILED {count}x' if count else 'ok'}  {steps[step]}{unsure}"
    if report.checkpoint is None:
        yield "without a checkpoint, no more could be checked"
    yield ""
    shown = [one for step in Step for one in [kept for kept in found.kept if kept.step is step][:SHOWN]]
    yield from map(str, shown)
    if more := found.counts.total() - len(shown):
        yield f"and {more} more; --json has up to {KEPT} of each step"
    yield independence(report, trust)
    yield "valid" if report.valid else f"NOT VALID: {found.counts.total()} findings"


def as_json(report: Report, trust: Trust) -> str:
    manifest, found = report.manifest, report.findings
    members = {
        "valid": report.valid,
        "mode": "deep" if report.deep else "quick",
        "export": manifest.id,
        "origin": manifest.origin,
        "tenant": manifest.tenant,
        "first": manifest.first,
        "size": manifest.size,
        "created": manifest.created,
        "checkpoint": _checkpoint(report),
        "older_checkpoints": report.hourly,
        "lines": report.lines,
        "withheld": report.withheld,
        "writers": report.writers,
        "objects": report.objects,
        "counts": {step.value: found.counts[step] for step in Step},
        "findings": [asdict(finding) | {"step": finding.step.value} for finding in found.kept],
        "witness": asdict(manifest.witness)
        | {"pinned": trust.witness is not None, "independence": independence(report, trust)},
    }
    return json.dumps(members, indent=1)


def independence(report: Report, trust: Trust) -> str:
    """How much the witness says beyond the log's own word."""
    stated = report.manifest.witness
    if trust.witness is None:
        return (
            "witness: no key given. The export's own was used, so a log that was forked or rewritten by whoever holds "
            "its key would not be noticed. Give --witness a key that you got from elsewhere."
        )
    if not stated.account or not stated.log_account:
        where = "The export doesn't state in which accounts its key and the log's are."
    elif stated.account == stated.log_account:
        where = (
            f"By the export's word its key is in the same account as the log's ({stated.account}): whoever "
            "administers that account could make both sign."
        )
    else:
        where = (
            f"By the export's word its key is in account {stated.account}, the log's in {stated.log_account}: nobody "
            "rewrites the log without both."
        )
    return f"witness: {trust.witness.name}, with the key that you gave. {where}"


def _witnessed(report: Report) -> str:
    assert report.checkpoint is not None
    at = report.checkpoint.witnessed_at
    return ", not witnessed" if at is None else f", witnessed {rfc3339(at)}"


def _checkpoint(report: Report) -> dict[str, object] | None:
    if report.checkpoint is None:
        return None
    tree, at = report.checkpoint.checkpoint, report.checkpoint.witnessed_at
    root = base64.b64encode(tree.root).decode()
    return {"size": tree.size, "root": root, "witnessed_at": None if at is None else rfc3339(at)}
