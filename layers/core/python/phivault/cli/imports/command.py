"""``phivault import``: what it takes, shows and leaves."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from phivault.access.purpose import PurposeOfUse
from phivault.cli.api import Api
from phivault.cli.imports.chunk import MAX_ENTRIES, Sources
from phivault.cli.imports.journal import Journal
from phivault.cli.imports.run import Importing, scan, scan_again
from phivault.cli.imports.send import Sender
from phivault.cli.imports.source import files
from phivault.cli.signed_in import signed_in
from phivault.errors import InvalidInput, PhivaultError

console = Console(highlight=False, soft_wrap=True, stderr=True)
_INTERRUPTED: Final = 130


def import_folder(  # the command line's own options
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="NDJSON (*.ndjson) and Bundles (*.json).")],
    role: Annotated[str, typer.Option("--as", help="As this user of the local stack; else as a clinician.")] = "",
    tenant: Annotated[str, typer.Option(help="Of this tenant of the local stack; else of the first.")] = "",
    purpose: Annotated[PurposeOfUse | None, typer.Option(help="The purpose of use; else the role's own.")] = None,
    journal: Annotated[Path | None, typer.Option(help="What is done so far; else DIR.phivault-import.")] = None,
    report: Annotated[Path | None, typer.Option(help="What was refused, and why; else DIR.refused.ndjson.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="So many transactions at once.")] = 4,
    entries: Annotated[int, typer.Option(min=1, max=MAX_ENTRIES, help="So many resources in each.")] = 200,
    patience: Annotated[int, typer.Option(min=0, help="Seconds for which an outage is waited for.")] = 300,
    retry_refused: Annotated[bool, typer.Option("--retry-refused", help="Send again what was refused.")] = False,
) -> None:
    """Import a folder of FHIR resources through the API, as the user who is signed in.

    Run it again after whatever ended it: it goes on where it was, and makes nothing twice. Exit status 0 when all is
    in, 1 when some is refused, 2 for input that can't be used or a user who may not import, 3 for an outage.
    """
    folder = folder.resolve()
    journal = journal or folder.with_name(f"{folder.name}.phivault-import")
    report = report or folder.with_name(f"{folder.name}.refused.ndjson")
    try:
        found = files(folder)
        if not found:
            raise InvalidInput(f"{folder} has neither *.ndjson nor *.json")
        with Journal(journal) as kept:
            api = signed_in(role, tenant)
            _bind(kept, api)
            done = kept.counts().get("done", 0)
            finished = _import(kept, found, api, purpose, parallel, entries, patience, retry_refused)
            refused = _report(kept, [path.relative_to(folder) for path in found], report)
            _tell(kept, refused, report, done, finished)
    except PhivaultError as error:
        typer.echo(error.detail or error.title, err=True)
        raise typer.Exit(3 if error.status in (401, 429) or error.status >= 500 else 2) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted: the same command goes on where it was", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    raise typer.Exit(1 if refused else 0)


def _bind(journal: Journal, api: Api) -> None:
    """A journal is of one user of one stack: ids that another gave lead nowhere here."""
    me = api.call("GET", "/v1/me")
    mark = hashlib.sha256(json.dumps([api.base_url, me["tenant"], me["user_id"]]).encode()).hexdigest()
    if journal.noted("of") not in (None, mark):
        raise InvalidInput(f"{journal.path} is of another user or stack: remove it, or name another by --journal")
    journal.note("of", mark)


def _import(
    journal: Journal,
    found: Sequence[Path],
    api: Api,
    purpose: PurposeOfUse | None,
    parallel: int,
    entries: int,
    patience: int,
    retry_refused: bool,
) -> int | None:
    """Where an earlier run finished, and nothing was sent, when that was, in Unix seconds."""
    with _shown() as shown:
        shown.begin(sum(path.stat().st_size for path in found))
        if retry_refused and journal.counts()["refused"]:
            scan_again(journal, found, shown)
        else:
            scan(journal, found, shown)
        finished = journal.noted("finished")
        if isinstance(finished, int):
            return finished
        salt = journal.noted("salt")
        sources = Sources(found, salt if isinstance(salt, bytes) else b"")
        headers = {"X-Purpose-Of-Use": purpose.value} if purpose else {}
        sender = Sender(api, headers, patience)
        shown.sent(journal.counts())
        Importing(journal, sources, sender, shown, parallel, entries).run()
        shown.sent(journal.counts())
        journal.note("finished", int(time.time()))
        return None


class _Shown:
    """Fills Progress of phivault.cli.imports.run with two bars."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._scan = bars.add_task("scanned", total=None)
        self._send = bars.add_task("imported", total=None, visible=False)

    def begin(self, size: int) -> None:
        self._bars.update(self._scan, total=size)

    def scanned(self, size: int) -> None:
        self._bars.advance(self._scan, size)

    def sent(self, counts: dict[str, int]) -> None:
        self._bars.update(self._scan, visible=False)
        done = counts.get("done", 0)
        refused = counts.get("refused", 0)
        total = sum(number for state, number in counts.items() if state not in ("refused", "same"))
        text = f"imported, {refused} refused" if refused else "imported"
        self._bars.update(self._send, description=text, completed=done, total=total, visible=True)


@contextmanager
def _shown() -> Iterator[_Shown]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield _Shown(bars)


def _report(journal: Journal, found: Sequence[Path], report: Path) -> int:
    """Write file, line or entry, and reason of whatever was refused, in a file for its owner alone. How many."""
    beside = report.with_name(report.name + ".part")
    beside.unlink(missing_ok=True)
    report.unlink(missing_ok=True)
    lines = 0
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        for number, line, reason in journal.refusals():
            place = "line" if found[number].suffix == ".ndjson" else "entry"
            entry = {"file": str(found[number])} | ({place: line} if line else {}) | {"reason": reason}
            file.write(json.dumps(entry) + "\n")  # in ASCII: a file may have a name that a terminal obeys
            lines += 1
    if lines:
        beside.replace(report)
    else:
        beside.unlink()
    return lines


def _tell(journal: Journal, refused: int, report: Path, before: int, finished: int | None) -> None:
    """``before`` is how many were in when the command began."""
    counts = journal.counts()
    done = counts.get("done", 0)
    if finished is not None:
        at = datetime.fromtimestamp(finished, UTC)
        typer.echo(f"This import was finished on {at:%Y-%m-%d at %H:%M:%S} UTC: nothing was sent")
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(journal.kinds().items()))
    now = f", {done - before} of them now" if before and finished is None else ""
    typer.echo(f"{done} resources imported{now}" + (f": {kinds}" if kinds else ""))
    if counts.get("same"):
        typer.echo(f"{counts['same']} stood twice in the folder, and were imported once")
    if refused:
        typer.echo(f"{refused} refused: {report}")
        typer.echo("Once corrected in their place, --retry-refused sends them again")
