"""Execution environments of a function: started, called one event at a time, replaced when they die."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from local import recorded

ROOT = Path(__file__).resolve().parent.parent


class WorkerDied(Exception):
    """The execution environment ended or failed in the middle of a call."""


class Worker:
    """One process. Not for two threads at a time."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.worker", name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                cwd=ROOT,
                env=dict(environment),
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )

    def wait_ready(self) -> Self:
        self._receive()
        return self

    def call(self, event: dict[str, Any], request_id: str, timeout: float) -> dict[str, Any]:
        """The handler's answer. Raises WorkerDied when it raised, ended or took longer than ``timeout`` seconds."""
        timer = threading.Timer(timeout, self.kill)
        timer.start()
        try:
            self._send({"event": event, "request_id": request_id})
            message = self._receive()
        finally:
            timer.cancel()
        if "answer" not in message:
            raise WorkerDied(message.get("error", ""))
        answer: dict[str, Any] = message["answer"]
        return answer

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise self._died() from None

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._died()
        message: dict[str, Any] = json.loads(line)
        return message

    def _died(self) -> WorkerDied:
        self.kill()  # its end of a pipe is closed already; once it is waited for, ``alive`` says so too
        self._process.wait()
        return WorkerDied(self.name)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()

    def stop(self) -> None:
        """End of input, then, after two seconds, the signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
        except OSError:
            self.kill()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._process.stdout.close()


class Pool:
    """``size`` workers of one function; a call takes a free one or waits for it."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path, size: int, timeout: float) -> None:
        self._name, self._environment, self._log = name, environment, log
        self._timeout = timeout
        self._free: queue.LifoQueue[Worker] = queue.LifoQueue()
        self._all = [self._make() for _ in range(size)]
        self._starting = list(self._all)
        self._stopped = False

    def _make(self) -> Worker:
        return Worker(self._name, self._environment, self._log)

    def wait_ready(self) -> Self:
        while self._starting:
            self._free.put(self._starting.pop().wait_ready())
        return self

    def call(self, event: dict[str, Any], request_id: str) -> dict[str, Any]:
        """Raises WorkerDied; a worker that has died, idle or in a call, is replaced before it is needed again, unless
        the pool has stopped."""
        worker = self._free.get()
        try:
            if self._stopped:
                raise WorkerDied(self._name)
            if not worker.alive:
                worker = self._replace(worker)
                worker.wait_ready()
            return worker.call(event, request_id, self._timeout)
        finally:
            self._free.put(worker)

    def renew(self) -> None:
        """Replace every worker, each once it is free. Not for two threads at a time."""
        fresh = [self._replace(worker) for worker in [self._free.get() for _ in self._all]]
        for worker in fresh:
            with suppress(WorkerDied):  # then it is replaced when it is needed
                worker.wait_ready()
            self._free.put(worker)

    def _replace(self, dead: Worker) -> Worker:
        dead.stop()
        fresh = self._make()
        self._all[self._all.index(dead)] = fresh
        return fresh

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._all]

    def stop(self) -> None:
        self._stopped = True
        for worker in self._all:
            worker.stop()


def base_environment() -> dict[str, str]:
    """What every execution environment gets of this process's own variables: nothing that names a credential."""
    kept = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", recorded.VARIABLE)
    return {name: os.environ[name] for name in kept if name in os.environ}
