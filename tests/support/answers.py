"""What every answer of the API must be, whoever asks."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
THROTTLED = "Too many requests from this source"
MARK = "Zebra"
"""A word to send where a value stands: no answer may repeat it."""


def refused(answer: httpx.Response, status: int) -> str:
    """The text of a refusal: a problem detail (RFC 9457), or under fhir/ an OperationOutcome; nothing of the input."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text}"
    everywhere(answer)
    assert MARK.lower() not in answer.text.lower()
    if not answer.request.url.path.startswith("/v1/fhir"):
        return _problem(answer, status)
    assert answer.headers["content-type"] == "application/fhir+json"
    outcome = answer.json()
    assert set(outcome) == {"resourceType", "issue"}
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"]
    for issue in outcome["issue"]:
        assert issue["severity"] in ("fatal", "error")
        assert issue["code"]
    if status >= 500:
        assert f"urn:uuid:{answer.headers['x-request-id']}" in outcome["issue"][0]["diagnostics"]
    return "; ".join(issue["diagnostics"] for issue in outcome["issue"])


def _problem(answer: httpx.Response, status: int) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) <= {"type", "title", "status", "detail", "instance"}
    assert problem["status"] == status
    assert problem["type"].startswith("urn:phivault:problem:")
    if status >= 500:
        assert problem["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    return str(problem.get("detail", problem["title"]))


def everywhere(answer: httpx.Response) -> None:
    """The headers of every answer of the API."""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["vary"] == "Origin"
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])
    # On this machine there is no TLS that it could promise.
    assert "strict-transport-security" not in answer.headers
    assert "server" not in answer.headers


def ok(answer: httpx.Response, status: int = 200) -> Any:
    """The document of a success."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text[:1000]}"
    everywhere(answer)
    return answer.json() if answer.content else None


def patiently(client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    """A request that waits where this machine's address asked too often."""
    while (answer := client.request(method, path, **more)).status_code == 429 and THROTTLED in answer.text:
        time.sleep(int(answer.headers["Retry-After"]))
    return answer


def persistently(client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    """A request that prepares a test, sent again where a busy machine answers late (503). Give it an Idempotency-Key
    if twice would be too often."""
    for _ in range(4):
        if (answer := patiently(client, method, path, **more)).status_code != 503:
            break
        time.sleep(int(answer.headers["Retry-After"]))
    return answer


def one(events: list[dict[str, Any]], **expected: Any) -> dict[str, Any]:
    """The one event, which holds what is expected."""
    (event,) = events
    assert {name: event[name] for name in expected} == expected
    return event
