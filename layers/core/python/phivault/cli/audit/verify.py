"""``phivault audit verify``: is an export what the log's key and the witness's say it is?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from phivault.audit.log.checkpoint import VerifiedCheckpoint
from phivault.audit.log.note import MAX_NOTE, VerifierKey
from phivault.audit.verify.checkpoints import Trust, read_saved
from phivault.audit.verify.export import Report, here
from phivault.audit.verify.export import verify as verify_export
from phivault.cli.audit.folder import Folder
from phivault.cli.audit.processes import Processes
from phivault.cli.audit.verdict import as_json, as_text
from phivault.errors import IntegrityError, InvalidInput, NotFound

_MAX_KEY = 4096


def verify(
    export: Annotated[Path, typer.Argument(help="The export's folder.")],
    key: Annotated[str, typer.Option(help="The log's verifier key, or a file with it. From elsewhere.")],
    witness: Annotated[
        str | None, typer.Option(help="The witness's, or a file with it. Without it, forks pass.")
    ] = None,
    since: Annotated[Path | None, typer.Option(help="A checkpoint that you kept: the log must go on from it.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Trust the log's signature for what the lines are.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that check lines.")] = min(
        os.cpu_count() or 1, 8
    ),
) -> None:
    """Check an export of the audit log, offline. Steps V1 to V8 are those of docs/audit-format.md, section 10.

    Exit status 0 when it is valid, 1 when something is wrong with it, 2 when it can't be checked.
    """
    try:
        trust = Trust(_key(key), _key(witness) if witness is not None else None)
        saved = read_saved(_read(since, MAX_NOTE), trust) if since is not None else None
        report = _check(export, trust, saved, quick=quick, quiet=json, processes=processes)
    except (InvalidInput, IntegrityError) as error:
        _unusable(error.detail or error.title)
    except (BrokenProcessPool, MemoryError, OSError):
        _unusable("The check was cut short: not enough memory, processes or access to files")
    if json:
        typer.echo(as_json(report, trust))
    else:
        console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
        for line in as_text(report, trust):
            console.print(line)
    raise typer.Exit(0 if report.valid else 1)


def _check(
    export: Path, trust: Trust, since: VerifiedCheckpoint | None, *, quick: bool, quiet: bool, processes: int
) -> Report:
    folder = Folder(export)
    if processes == 1:
        with _progress(quiet) as progress:
            return verify_export(folder, trust, since=since, quick=quick, run=here, progress=progress)
    with Processes(processes) as run, _progress(quiet) as progress:
        return verify_export(folder, trust, since=since, quick=quick, run=run, progress=progress)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    columns = TextColumn("checking"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("checking", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _key(text: str) -> VerifierKey:
    named = Path(text)
    try:
        found = named.is_file()
    except (OSError, ValueError):
        found = False
    try:
        return VerifierKey.parse(_read(named, _MAX_KEY).decode().strip() if found else text.strip())
    except UnicodeDecodeError:
        raise InvalidInput("A verifier key's file is not text") from None


def _read(path: Path, limit: int) -> bytes:
    try:
        return Folder(path.resolve().parent).read(path.resolve().name, limit)
    except NotFound:
        raise InvalidInput("The file of a key or checkpoint is missing") from None


def _unusable(text: str) -> NoReturn:
    typer.echo(f"phivault audit verify: {text}", err=True)
    raise typer.Exit(2)
