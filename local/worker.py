"""One execution environment: imports one function's handler and calls it for one event at a time.

``python -m local.worker NAME`` reads a line of JSON {"event", "request_id"} from standard input and writes a line
{"answer"} or {"error"} to the descriptor that standard output had at the start; standard output itself becomes
standard error, so that nothing a handler prints can pass for an answer. End of input ends the process: it can't
outlive the gateway. An AWS call beyond the function's row of the table fails here as the role would refuse it in
the cloud (``local.confine``); what else the row doesn't name isn't in the environment.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from dataclasses import dataclass
from typing import Any

from functions.table import TABLE
from local.confine import CONFINED_TO, confine, confine_tokens, known_resources
from local.recorded import VARIABLE, recorder


@dataclass(frozen=True, slots=True)
class Context:
    """What handlers read of the Lambda context."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 1024

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:local:000000000000:function:{self.function_name}"


def main(name: str) -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    function = next(row for row in TABLE if row.name == name)
    resources, made = known_resources(os.environ), recorder(name, os.environ.get(VARIABLE))
    confine(function, resources, made)
    confine_tokens(function, resources, made)
    os.environ.pop(CONFINED_TO, None)
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
