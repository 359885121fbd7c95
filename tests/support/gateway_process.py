"""A gateway that can be killed: ``python -m tests.support.gateway_process`` reads one line of JSON {"facts",
"environment", "log"} and writes a line {"port"} once its functions are ready. It ends with its standard input, and its
functions end with it. It serves what the records function does, over the stores of the running stack."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import httpx

from functions.row import Function
from functions.table import TABLE
from local.workers import Pool
from tests.support import processes
from tests.support.beside import Beside
from tests.support.stack import ROOT, RunningStack

WORKERS = 3


@dataclass
class GatewayProcess:
    """From the test's side."""

    process: subprocess.Popen[str]
    port: int

    @classmethod
    def start(cls, stack: RunningStack, log: Path) -> Self:
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.gateway_process"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            )
        names = ("aws_endpoint_url", "aws_endpoint_url_s3")
        given = {
            "facts": {name: stack.facts[name] for name in names},
            "environment": stack.environment_of("records"),
            "log": str(log),
        }
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        return cls(process, json.loads(process.stdout.readline())["port"])

    def client(self, stack: RunningStack, role: str) -> httpx.Client:
        """Signed in with the tokens that the stack gives; paths are relative to ``/v1``."""
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}/v1", timeout=30, auth=stack.bearer(role))

    def workers(self) -> list[processes.Process]:
        return [each for each in processes.family(self.process.pid) if "local.worker records" in each.command]

    def kill(self) -> None:
        """SIGKILL; returns when its functions are gone too."""
        everyone = processes.family(self.process.pid)
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert processes.survivors(everyone, within=60) == []

    def stop(self) -> None:
        """Harmless after ``kill``."""
        if self.process.returncode is None:
            self.process.communicate()


@dataclass
class _Given:
    """As much of a RunningStack as Beside asks of one."""

    facts: dict[str, Any]
    environment: dict[str, str]

    def environment_of(self, function: str) -> dict[str, str]:
        assert function == "records"
        return self.environment


class _Records(Beside):
    def __init__(self, given: _Given, log: Path) -> None:
        super().__init__(cast("RunningStack", given), log)
        function = next(row for row in TABLE if row.name == "records")
        pool = Pool(function.name, self.environment_of(function.name), log, WORKERS, function.timeout_seconds)
        self._pools[function.name] = pool.wait_ready()

    def _invoke(self, function: Function, event: dict[str, Any], request_id: str) -> dict[str, Any]:
        return self._pools[function.name].call(event, request_id)


def main() -> None:
    given = json.loads(sys.stdin.readline())
    with _Records(_Given(given["facts"], given["environment"]), Path(given["log"])) as beside:
        sys.stdout.write(json.dumps({"port": beside.port}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
