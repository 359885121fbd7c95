"""The rotator, asked for slice after slice until all is done. Where it has come to stands in the data alone: a command
that was ended is given again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from phivault.adapters.lambda_invoke import invoke
from phivault.cli import operator
from phivault.cli.audit.walking import explained
from phivault.errors import Conflict, InvalidInput, NotFound, PhivaultError, Unavailable, Unprocessable
from phivault.settings import settings

ROTATOR_SECONDS: Final = 300
_KINDS: Final[tuple[type[PhivaultError], ...]] = (Conflict, InvalidInput, NotFound, Unprocessable)
_PLACES: Final = ("after", "wait", "refused_rows", "keys", "tenants", "current", "services")
console = Console(highlight=False, soft_wrap=True)


@dataclass(slots=True)
class Total:
    """The answers of all slices together. ``wait`` is the longest of their seconds, ``last`` the last answer."""

    counts: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    wait: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    tenants: set[str] = field(default_factory=set)
    last: dict[str, Any] = field(default_factory=dict)

    def add(self, said: dict[str, Any]) -> None:
        self.last = said
        _add(self.counts, {name: number for name, number in said.items() if name not in _PLACES})
        _add(self.keys, said.get("keys", {}))
        self.tenants |= set(said.get("tenants", ()))
        self.refused += said.get("refused_rows", ())
        self.wait = max(self.wait, int(said.get("wait", 0)))

    def __getitem__(self, name: str) -> int:
        return self.counts.get(name, 0)


@dataclass(frozen=True, slots=True)
class Asking:
    """An operator's questions. ``by`` is their id."""

    by: str
    bar: Progress

    def all(self, action: str, tenant: str = "", subject: str = "", *, label: str = "", total: int = 0) -> Total:
        """Every slice of an action. Raises what the rotator says that was wrong, and Unavailable."""
        found = Total()
        task = self.bar.add_task(label or action, total=total or None)
        after: str | None = ""
        while after is not None:
            asked = {"action": action, "tenant": tenant, "subject": subject, "after": after, "by": self.by}
            found.add(_ask(asked))
            after = found.last["after"]
            self._show(task, found, total)
        self.bar.remove_task(task)
        return found

    def tenants(self, tenant: str) -> list[str]:
        """The one that was named, else all that have keys."""
        return [tenant] if tenant else sorted(self.all("status", label="tenants").tenants)

    def status(self, tenant: str, *, label: str) -> Total:
        """The keys of a tenant, or of all. Raises InvalidInput where the one that was named has none."""
        found = self.all("status", tenant, label=label)
        if tenant and tenant not in found.tenants:
            raise InvalidInput(f"{tenant} is no tenant that has keys")
        return found

    def _show(self, task: TaskID, found: Total, total: int) -> None:
        done = sum(found[name] for name in ("rotated", "begun", "erased", "resealed", "rewrapped", "refused"))
        self.bar.update(task, completed=done, total=max(total, done) if total else None)


@contextmanager
def asking(command: str, *, tenant: str = "", subject: str = "") -> Iterator[Asking]:
    """Exit status as ``explained`` says; 130 after Ctrl-C, with the command that goes on, for what was asked alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with explained():
            by = operator.act("rotator_function")
            with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
                yield Asking(by, bar)
    except KeyboardInterrupt:
        named = [f" --{name} {value}" for name, value in (("tenant", tenant), ("subject", subject)) if value]
        typer.echo(f"Ended. What was done stays; go on with: phivault keys {command}{''.join(named)}", err=True)
        raise typer.Exit(130) from None


def tell_refused(found: Total) -> None:
    """Name what didn't open, and end with exit status 1, if there is something."""
    if not found["refused"]:
        return
    typer.echo(f"{found['refused']} do not open and stay as they are:", err=True)
    for one in found.refused:
        typer.echo(f"  {one}", err=True)
    raise typer.Exit(1)


def _ask(asked: dict[str, str]) -> dict[str, Any]:
    said = invoke(settings().rotator_function, asked, wait_seconds=ROTATOR_SECONDS)
    if "error" in said or "after" not in said:
        known = {kind.code: kind for kind in _KINDS}
        code = str(said.get("error", "no answer"))
        raise known.get(code, Unavailable)(str(said.get("detail") or f"The rotator failed ({code}): its log says why"))
    return said


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, number in more.items():
        counts[name] = counts.get(name, 0) + number
