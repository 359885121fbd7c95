"""A function that breaks where it is told: ``python -m tests.attacks.stack.faulty_worker NAME``.

Reads lines of JSON {"event", "request_id", "at", "how"}; each is handled by a fork of this process, which has nothing
but the imports done. Every call over the network is a step, counted from 0. Before step ``at`` the fork kills itself
with SIGKILL (``how`` "kill"), or in the middle of it, when all was sent and nothing received ("kill within", database
steps only), or raises an exception that quotes the whole event ("raise"). Without ``at`` it goes on to the end.
Answers {"steps": [names], "answer": ... or null}.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import boto3
import botocore
import psycopg
from botocore.httpsession import URLLib3Session
from botocore.loaders import Loader

from functions.table import TABLE
from local.confine import confine
from local.worker import Context
from phivault.adapters.postgres.connection import Connection

SEEN = "UpdateItem"
"""When a session was last used, written once a minute: no step of a request that comes in between."""
ANCHOR = b"#R#"
"""In the key of a version's anchor, which is updated too."""


class Breakage:
    """In the fork: names each step aloud, so that it is known even of the one that it died before."""

    def __init__(self, say: Callable[[str], None], at: int | None, how: str, quoted: str) -> None:
        self._say, self._at, self._how, self._quoted = say, at, how, quoted
        self._steps = -1
        self.within = False

    def step(self, name: str) -> None:
        self._steps += 1
        self._say(name)
        here = self._steps == self._at
        if here and self._how == "kill":
            die()
        if here and self._how == "raise":
            raise ValueError(self._quoted)
        self.within = here and self._how == "kill within"

    def install(self) -> None:
        send, execute, wait = URLLib3Session.send, psycopg.Cursor.execute, Connection.wait

        def counted_send(session: Any, request: Any) -> Any:
            if threading.current_thread().name == "last-checkpoint":
                return send(session, request)  # beside the request, at a moment of its own: no step of it
            step = _aws_step(request)
            if step != SEEN or ANCHOR in request.body:
                self.step(step)
            return send(session, request)

        def counted_execute(cursor: Any, query: str, *more: Any, **options: Any) -> Any:
            found = re.search(r"app\.(\w+)", query)
            self.step("postgres " + (found[1] if found else "?"))
            return execute(cursor, query, *more, **options)

        def cut_wait(connection: Any, answers: Generator[Any, Any, Any], *more: Any, **options: Any) -> Any:
            if self.within and connection.pgconn.socket >= 0:
                next(answers)  # the driver's first wait comes when it has sent everything
                die()
            return wait(connection, answers, *more, **options)

        for owner, name, patched in (
            (URLLib3Session, "send", counted_send),
            (psycopg.Cursor, "execute", counted_execute),
            (Connection, "wait", cut_wait),
            (ThreadPoolExecutor, "submit", done_at_once),
        ):
            setattr(owner, name, patched)


def done_at_once(_: ThreadPoolExecutor, work: Callable[..., Any], *arguments: Any, **named: Any) -> Future[Any]:
    """In place of ``submit``: what would go on beside other steps comes in one order, the same each time."""
    done: Future[Any] = Future()
    try:
        done.set_result(work(*arguments, **named))
    except Exception as error:  # noqa: BLE001  (whoever asks for the result gets it)
        done.set_exception(error)
    return done


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def _aws_step(request: Any) -> str:
    target = request.headers.get("X-Amz-Target", b"")
    text = target.decode() if isinstance(target, bytes) else target
    return text.replace("_", ".").rpartition(".")[2] or f"S3 {request.method}"


def serve(handler: Any, name: str, message: dict[str, Any]) -> dict[str, Any]:
    """Fork, and gather what the fork says until it is gone."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        said = os.fdopen(writing, "wb", buffering=0)
        broken = Breakage(
            lambda step: _say(said, {"step": step}),
            message.get("at"),
            message.get("how", ""),
            json.dumps(message["event"]),
        )
        broken.install()
        _say(said, {"answer": handler(message["event"], Context(name, message["request_id"]))})
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as heard:
        lines = [json.loads(line) for line in heard]
    os.waitpid(child, 0)
    answers = [line["answer"] for line in lines if "answer" in line]
    return {"steps": [line["step"] for line in lines if "step" in line], "answer": answers[0] if answers else None}


def _say(stream: Any, line: dict[str, Any]) -> None:
    stream.write(json.dumps(line).encode() + b"\n")


def main(name: str) -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    confine(next(row for row in TABLE if row.name == name), os.environ)
    handler = importlib.import_module(f"functions.{name}.handler").handler
    _prepare()
    for line in sys.stdin:
        print(json.dumps(serve(handler, name, json.loads(line))), file=out, flush=True)


def _prepare() -> None:
    """What every fork would do anew: the SDK's import, botocore's reading of its models."""
    import aws_encryption_sdk  # noqa: F401

    models = Loader()
    botocore.register_initializer(lambda session: session.register_component("data_loader", models))
    for service in ("s3", "dynamodb", "kms"):
        boto3.session.Session(region_name="us-east-1").client(service)


if __name__ == "__main__":
    main(sys.argv[1])
