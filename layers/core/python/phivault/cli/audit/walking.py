"""A change of retention, brought to every object that stands: with a bar, and taken up again where it was ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from phivault import bootstrap
from phivault.audit.retain import count
from phivault.errors import Conflict, InvalidInput, NotFound, PhivaultError, Unprocessable

console = Console(highlight=False, soft_wrap=True)


@contextmanager
def explained() -> Iterator[None]:
    """Errors as one line: exit status 1 for what is refused, 2 for input that can't be used, 3 for an outage."""
    try:
        yield
    except PhivaultError as error:
        typer.echo(error.detail or error.title, err=True)
        refused = isinstance(error, Unprocessable | Conflict | NotFound)
        raise typer.Exit(1 if refused else 2 if isinstance(error, InvalidInput) else 3) from None


def resumes(state: Path, what: str) -> bool:
    """Whether ``state`` is of the same change, ended in the middle. Raises InvalidInput where it is of another."""
    return _begun(state, what) is not None


def walk(tenant: str, state: Path, what: str, *, lifting: bool = False) -> None:
    """Bring the change ``what`` to every object. Where it has come to stands in the file ``state`` until it is done."""
    after, done = _begun(state, what) or ("", 0)
    _keep(state, what, after, done)
    total = count(bootstrap.locked_objects())
    columns = (TextColumn("objects"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total, completed=min(done, total))
        for key, looked_at in bootstrap.retention_applier().walk(tenant, after=after, lifting=lifting):
            done += looked_at
            _keep(state, what, key, done)
            bar.update(task, completed=done, total=max(total, done))
    state.unlink(missing_ok=True)
    console.print(f"{done} objects of the log looked at")


def _keep(state: Path, what: str, after: str, done: int) -> None:
    state.write_text(json.dumps({"what": what, "after": after, "done": done}), "utf-8")


def _begun(state: Path, what: str) -> tuple[str, int] | None:
    try:
        document = json.loads(state.read_text("utf-8"))
        begun, after, done = document["what"], document["after"], document["done"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(f"{state.name} is not what an earlier change left; remove it to begin again") from None
    if begun != what:
        raise InvalidInput(f"{state.name} is of another change, {begun!r}: finish that first")
    return after, done
