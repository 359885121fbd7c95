"""One function calls another. Needs lambda:InvokeFunction on it."""

from __future__ import annotations

import json
from typing import Any

from phivault.adapters.aws import client, translated
from phivault.errors import Unavailable


def invoke(function: str, payload: dict[str, Any], *, wait_seconds: float) -> dict[str, Any]:
    """The answer of ``function`` (a name or ARN). Raises Unavailable when it fails, answers no JSON object, or doesn't
    answer in time, and names it: it may then still be at work, so that only what can be repeated may be asked for."""
    name = _name(function)
    with translated(f"Lambda, asked for {name},"):
        answer = client("lambda", read_timeout=wait_seconds, attempts=1).invoke(
            FunctionName=function, Payload=json.dumps(payload).encode()
        )
        body = answer["Payload"].read()
    if "FunctionError" in answer:
        raise Unavailable(f"The function {name} failed: its log says why")
    return _object(body, name)


def invoke_later(function: str, payload: dict[str, Any]) -> None:
    """Returns once Lambda has taken the event. Lambda tries again where the function fails. Raises Unavailable."""
    with translated("Lambda"):
        client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(payload).encode())


def _name(function: str) -> str:
    """Of a name, an ARN or a part of one: without the account and the version."""
    return function.rpartition("function:")[2].partition(":")[0]


def _object(body: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unavailable(f"The function {name} didn't answer as agreed")
    return found
