"""One function calls another. Needs lambda:InvokeFunction on it."""

from __future__ import annotations

import json
from typing import Any

from phivault.adapters.aws import client, translated
from phivault.errors import Unavailable


def invoke(function: str, payload: dict[str, Any], *, wait_seconds: float) -> dict[str, Any]:
    """The answer of ``function`` (a name or ARN). Raises Unavailable when it fails, answers no JSON object, or doesn't
    answer in time: it may then still be at work, so that only what can be repeated may be asked for."""
    with translated("Lambda"):
        answer = client("lambda", read_timeout=wait_seconds, attempts=1).invoke(
            FunctionName=function, Payload=json.dumps(payload).encode()
        )
        body = answer["Payload"].read()
    if "FunctionError" in answer:
        raise Unavailable(f"The function {_name(function)} failed: its log says why")
    return _object(body)


def invoke_later(function: str, payload: dict[str, Any]) -> None:
    """Returns once Lambda has taken the event. Lambda tries again where the function fails. Raises Unavailable."""
    with translated("Lambda"):
        client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(payload).encode())


def _name(function: str) -> str:
    """Of a name or an ARN, without the account."""
    return function.split(":")[6] if function.startswith("arn:") else function


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unavailable("A function didn't answer as agreed")
    return found
