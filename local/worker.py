"""One execution environment: imports one function's handler and calls it for one event at a time.

``python -m local.worker NAME`` reads a line of JSON {"event", "request_id"} from standard input and writes a line
{"answer"} or {"error"} to the descriptor that standard output had at the start; standard output itself becomes
standard error, so that nothing a handler prints can pass for an answer. End of input ends the process: it can't
outlive the gateway. An AWS call or a database connection beyond the function's row of the table fails here as it
would be refused by the role in the cloud.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore

from functions.table import TABLE, Function

IAM_NAMES = {"s3:HeadObject": "s3:GetObject", "s3:HeadBucket": "s3:ListBucket"}


class NotGranted(Exception):
    """The function called what its row doesn't grant."""


@dataclass(frozen=True, slots=True)
class Context:
    """What handlers read of the Lambda context."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 1024

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:local:000000000000:function:{self.function_name}"


def confine(function: Function) -> None:
    """Refuse every signed AWS call whose actions aren't all in the function's row."""
    granted = {action for grant in function.grants for action in grant.actions}

    def check(**call: Any) -> None:
        if refused := _actions(call["model"], call["params"]) - granted:
            raise NotGranted(f"{function.name} may not call {', '.join(sorted(refused))}")

    botocore.register_initializer(lambda session: session.register("before-call.*.*", check))


def _actions(model: Any, params: Mapping[str, Any]) -> set[str]:
    """What IAM would check of a call: nothing for unsigned operations, each part of a transaction by itself."""
    if model.auth_type == "none" or "smithy.api#noAuth" in (model.auth or ()):
        return set()
    service = model.service_model.signing_name
    if model.name == "TransactWriteItems":
        return {f"dynamodb:{kind}Item" for item in json.loads(params["body"])["TransactItems"] for kind in item}
    return {IAM_NAMES.get(f"{service}:{model.name}", f"{service}:{model.name}")}


def main(name: str) -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    function = next(row for row in TABLE if row.name == name)
    confine(function)
    handler = importlib.import_module(f"functions.{name}.handler").handler
    print(json.dumps({"ready": name}), file=out, flush=True)
    for line in _lines_until_eof():
        print(_call(handler, name, json.loads(line)), file=out, flush=True)


def _lines_until_eof() -> Any:
    """Lines of standard input, read in a thread: its end must be seen in the middle of a call as well."""
    arrived: list[str] = []
    ready = threading.Semaphore(0)

    def read() -> None:
        for line in sys.stdin:
            arrived.append(line)
            ready.release()
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        ready.acquire()
        yield arrived.pop(0)


def _call(handler: Any, name: str, message: dict[str, Any]) -> str:
    try:
        return json.dumps({"answer": handler(message["event"], Context(name, message["request_id"]))})
    except Exception as error:  # noqa: BLE001  # the runtime reports any error of a handler, as Lambda's does
        from phivault.logs import scrub

        print(json.dumps({"level": "ERROR", "function": name, "error": scrub(error)}), file=sys.stderr, flush=True)
        return json.dumps({"error": type(error).__name__})


if __name__ == "__main__":
    main(sys.argv[1])
