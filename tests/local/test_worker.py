"""An execution environment: one answer per event on its own line, confined to its row, gone with its input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Runs the worker of the function "pages", which may call nothing, with a handler of the test's own.
PROGRAM = """
import sys, types
from local import worker
module = types.ModuleType("functions.pages.handler")
exec(sys.argv[1], module.__dict__)
sys.modules["functions.pages.handler"] = module
worker.main("pages")
"""
CALLS_S3 = """
import boto3
def handler(event, context):
    client = boto3.client("s3", endpoint_url="http://127.0.0.1:9", region_name="us-east-1",
                          aws_access_key_id="id", aws_secret_access_key="Zebra")
    return client.put_object(Bucket="b", Key="k", Body=b"Zebra")
"""
ECHO = """
def handler(event, context):
    print("not an answer", flush=True)
    return {"event": event, "id": context.aws_request_id, "name": context.function_name}
"""
RAISES = """
def handler(event, context):
    raise ValueError("Zebra of " + event)
"""


def _run(handler: str, *events: Any) -> tuple[list[dict[str, Any]], str, int]:
    """Answers, standard error and exit status."""
    lines = "".join(json.dumps({"event": event, "request_id": f"r{n}"}) + "\n" for n, event in enumerate(events))
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, handler],
        cwd=ROOT,
        env=environment | {"PHIVAULT_PROFILE": "local"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(lines)
        process.stdin.flush()
        # Its end of input would end it in the middle of a call, so every answer is awaited first.
        answers = [json.loads(process.stdout.readline()) for _ in range(len(events) + 1)]
        rest, errors = process.communicate(timeout=60)
    assert rest == ""
    return answers, errors, process.returncode


def test_events_are_answered_one_by_one_and_its_end_is_the_inputs() -> None:
    answers, errors, status = _run(ECHO, {"a": "é\u2028"}, [])
    assert answers[0] == {"ready": "pages"}
    assert answers[1] == {"answer": {"event": {"a": "é\u2028"}, "id": "r0", "name": "pages"}}
    assert answers[2]["answer"]["id"] == "r1"
    assert errors.count("not an answer") == 2
    assert status == 0


def test_a_call_beyond_the_row_fails_and_says_so() -> None:
    answers, errors, _ = _run(CALLS_S3, {}, {})
    assert answers[1:] == [{"error": "NotGranted"}] * 2
    assert "local.confine.NotGranted" in errors
    assert "Zebra" not in errors


def test_what_a_handler_raises_is_told_by_its_type_alone() -> None:
    answers, errors, _ = _run(RAISES, "someone")
    assert answers[1] == {"error": "ValueError"}
    assert "ValueError" in errors
    assert "Zebra" not in errors
    assert "someone" not in errors
