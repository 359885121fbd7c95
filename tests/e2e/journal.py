"""What the run did: every check with its verdict and time, kept for the summary at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)


class Failed(Exception):
    """Something isn't as promised; the text says what."""


@dataclass(slots=True)
class Check:
    part: str
    name: str
    passed: bool
    seconds: float
    detail: str = ""


@dataclass(slots=True)
class Journal:
    """Checks in order, and notes: what this run leaves out or can't show, with the reason."""

    checks: list[Check] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    _part: str = ""

    def part(self, name: str) -> None:
        self._part = name
        console.print(f"\n[bold]{name}[/]")

    def note(self, heading: str, text: str) -> None:
        known = self.notes.setdefault(heading, [])
        if text not in known:
            known.append(text)

    @contextmanager
    def check(self, name: str) -> Iterator[None]:
        """Everything inside, as one line. A failure is noted and the run goes on; a later check may need more."""
        started = time.monotonic()
        try:
            yield
        except Exception as error:  # noqa: BLE001  # whatever breaks must count as a failure and be told
            self._add(Check(self._part, name, False, time.monotonic() - started, _told(error)))
        else:
            self._add(Check(self._part, name, True, time.monotonic() - started))

    @contextmanager
    def needed(self, name: str) -> Iterator[None]:
        """As ``check``, but nothing after it makes sense when it fails."""
        before = len(self.checks)
        with self.check(name):
            yield
        if not self.checks[before].passed:
            raise Failed(name)

    def _add(self, check: Check) -> None:
        self.checks.append(check)
        mark = "[green]passed[/]" if check.passed else "[red]FAILED[/]"
        console.print(f"  {mark} {check.seconds:6.1f} s  {check.name}")
        if check.detail:
            console.print(f"                   {check.detail}", style="red", markup=False)

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if not check.passed]

    def summary(self, seconds: float) -> None:
        console.print("\n[bold]Summary[/]")
        for part in dict.fromkeys(check.part for check in self.checks):
            of = [check for check in self.checks if check.part == part]
            passed = sum(check.passed for check in of)
            console.print(f"  {part:42} {passed:3} of {len(of):3} passed {sum(c.seconds for c in of):6.1f} s")
        for heading, texts in self.notes.items():
            console.print(f"\n[bold]{heading}[/] ({len(texts)})")
            for text in texts:
                console.print(f"  - {text}", markup=False)
        for check in self.failed:
            console.print(f"\n[red]FAILED[/] {check.part}: {check.name}")
            console.print(f"  {check.detail}", markup=False)
        verdict = f"{len(self.failed)} of {len(self.checks)} checks failed" if self.failed else "green"
        console.print(f"\n[bold]{verdict}[/], {len(self.checks)} checks, {seconds:.0f} s")


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"


def expect(holds: object, otherwise: str) -> None:
    """Raises Failed."""
    if not holds:
        raise Failed(otherwise)
