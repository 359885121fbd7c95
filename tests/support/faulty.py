"""A gateway whose records function breaks where it is told (tests/attacks/stack/faulty_worker.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions.row import Function
from local.workers import WorkerDied
from tests.support.beside import Beside
from tests.support.stack import ROOT, RunningStack


@dataclass
class Fault:
    """Before which step of the next call the function breaks, and how; ``at`` None: not at all."""

    at: int | None = None
    how: str = ""


@dataclass
class Seen:
    """What the last call went through, and whether it was answered."""

    steps: list[str] = field(default_factory=list)
    answered: bool = False


class Faulty(Beside):
    """Every call is served by a process of its own, which knows nothing of the calls before."""

    def __init__(self, stack: RunningStack, log: Path) -> None:
        super().__init__(stack, log)
        self.fault, self.seen = Fault(), Seen()
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.attacks.stack.faulty_worker", "records"],
                cwd=ROOT,
                env=self.environment_of("records"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            )

    def break_next(self, at: int | None, how: str = "kill") -> None:
        self.fault = Fault(at, how)

    def _invoke(self, function: Function, event: dict[str, Any], request_id: str) -> dict[str, Any]:
        fault, self.fault = self.fault, Fault()
        message = {"event": event, "request_id": request_id, "at": fault.at, "how": fault.how}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        heard = json.loads(self._process.stdout.readline())
        self.seen = Seen(heard["steps"], heard["answer"] is not None)
        if heard["answer"] is None:
            raise WorkerDied(function.name)
        answer: dict[str, Any] = heard["answer"]
        return answer

    def close(self) -> None:
        super().close()
        self._process.communicate()
