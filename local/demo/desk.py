"""The desk of somebody who checks: a folder with the verifier keys that they got from elsewhere, and the commands."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from local import surroundings
from local.demo.exchange import Exchange
from local.demo.lab import Lab, shorten
from local.workers import base_environment

COMMAND_SECONDS = 60
SHOWN = 4000
KEYS = ("--key", "log.vkey", "--witness", "witness.vkey")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command, its output and its exit status."""

    command: str
    output: str
    status: int

    def exchange(self, title: str, *, kept: bool, verdict: str) -> Exchange:
        return Exchange(title, self.command, f"{shorten(self.output, SHOWN)}\nexit status {self.status}", kept, verdict)


@dataclass(frozen=True, slots=True)
class Desk:
    """What is in ``folder`` goes with it: an export may hold opened fields."""

    lab: Lab
    folder: Path

    @classmethod
    @contextmanager
    def at(cls, lab: Lab) -> Iterator[Self]:
        with tempfile.TemporaryDirectory(dir=lab.stack.workspace.folder, prefix="desk-") as name:
            folder = Path(name)
            (folder / "log.vkey").write_text(lab.stack.resources.log_vkey)
            (folder / "witness.vkey").write_text(lab.stack.resources.witness_vkey)
            yield cls(lab, folder)

    def phivault(self, *arguments: str) -> Ran:
        """As anybody with a terminal runs it on this stack."""
        program = str(Path(sys.executable).with_name("phivault"))
        state = self.lab.stack.workspace.folder.resolve()
        done = subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env=base_environment() | surroundings.ALONE | {"PHIVAULT_LOCAL": str(state)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        text = " ".join(["$ phivault", *arguments]).replace(f"{state}/", ".local/")
        return Ran(text, (done.stdout + done.stderr).replace(f"{state}/", ".local/").strip(), done.returncode)
