"""``phivault audit reconcile``: AWS's trail and the gateway's log against the audit log."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from phivault.audit.reconcile.claims import SENTENCES, Finding, Mention, Request, Unwrap
from phivault.audit.reconcile.match import Span, Tally
from phivault.audit.reconcile.match import reconcile as match
from phivault.audit.reconcile.ordered import by_time
from phivault.cli.audit import evidence
from phivault.errors import InvalidInput

LIMITS: Final = (
    "Out of its reach: a key that a recorded request had cached, used again inside a recorded request.",
    "Taken as they are: the export (phivault audit verify) and AWS's files (aws cloudtrail validate-logs).",
)
console = Console(highlight=False, soft_wrap=True)


def reconcile(
    folder: Annotated[Path, typer.Argument(help="Holds cloudtrail/, gateway/, roles.json and export/.")],
    export: Annotated[Path | None, typer.Option(help="The audit log's export, of all tenants.")] = None,
    roles: Annotated[
        Path | None, typer.Option(help="JSON: the functions that may open keys, each with the ARN of its role.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Name every use of a key and every request that the audit log doesn't account for.

    Exit status 0 when all is accounted for, 1 with findings, 2 for input that can't be used.
    """
    try:
        report = _report(folder, export or folder / "export", roles or folder / evidence.ROLES)
    except InvalidInput as error:
        typer.echo(json.dumps({"error": error.detail}) if as_json else error.detail, err=not as_json)
        raise typer.Exit(2) from None
    typer.echo(json.dumps(report)) if as_json else _show(report)
    raise typer.Exit(1 if report["findings"] else 0)


def _report(folder: Path, export: Path, roles: Path) -> dict[str, Any]:
    known, manifest, tally = evidence.roles(roles), evidence.export_of(export), Tally()
    mentions = by_time(Mention, evidence.events(export, manifest))
    first = next(mentions, None)
    if first is None:
        raise InvalidInput("The export holds no event")
    # The log begins with its first leaf: only an export that leaves earlier ones out can't speak of earlier times.
    span = Span(first.at if manifest.first else 0.0, datetime.fromisoformat(manifest.created).timestamp())
    found: dict[str, Finding] = {}
    for finding in match(
        by_time(Unwrap, evidence.unwraps(folder)),
        by_time(Request, evidence.requests(folder)),
        _with(first, mentions),
        roles=known,
        span=span,
        tally=tally,
    ):
        found.setdefault(finding.id, finding)  # CloudTrail may deliver a record twice
    return {
        "findings": [_document(one) for one in found.values() if not one.excused],
        "excused": [_document(one) for one in found.values() if one.excused],
        "looked_at": asdict(tally),
        "export": {"id": manifest.id, "origin": manifest.origin, "size": manifest.size, "created": manifest.created},
        "roles": {function: arn for arn, function in known.items()},
        "limits": list(LIMITS),
    }


def _with(first: Mention, rest: Any) -> Any:
    yield first
    yield from rest


def _document(finding: Finding) -> dict[str, str]:
    at = datetime.fromtimestamp(finding.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "kind": finding.kind.value,
        "risk": finding.risk.value,
        "at": at,
        "id": finding.id,
        "what": finding.what,
        "principal": finding.principal,
        "tenant": finding.tenant,
        "subject": finding.subject,
        "says": SENTENCES[finding.kind],
    }


def _show(report: dict[str, Any]) -> None:
    for one in report["findings"] + report["excused"]:
        whose = " ".join(filter(None, (one["tenant"], one["subject"])))
        by = f" by {one['principal']}" if one["principal"] else ""
        console.print(f"[bold]{one['risk']}[/] {one['at']} {one['id']}: {escape(one['what'])} {escape(whose + by)}")
        console.print(f"  {one['says']} ({one['kind']})")
    looked, export = report["looked_at"], report["export"]
    console.print(
        f"{looked['unwraps']} uses of keys and {looked['requests']} requests against the log of {export['size']} lines "
        f"sealed {export['created']}: {len(report['findings'])} findings"
    )
    console.print(
        f"Of the requests {looked['exempt']} touch nothing, {looked['before_functions']} were refused before any "
        f"function; {looked['older']} of all are older than the log"
    )
    console.print("Taken for our functions: " + escape(", ".join(sorted(report["roles"].values())) or "nobody"))
    for limit in report["limits"]:
        console.print(limit)
