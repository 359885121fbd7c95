"""Errors as FHIR clients read them: OperationOutcome. http://hl7.org/fhir/R4/operationoutcome.html"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from phivault.errors import PhivaultError
from phivault.records.findings import InvalidResource
from phivault.records.json_members import encode

MEDIA_TYPE = "application/fhir+json"
_ISSUE_TYPES = {
    "invalid": "invalid",
    "unsupported-parameter": "not-supported",
    "unauthenticated": "login",
    "invalid-credentials": "login",
    "denied": "forbidden",
    "purpose-required": "forbidden",
    "not-found": "not-found",
    "method-not-allowed": "not-supported",
    "conflict": "conflict",
    "gone": "deleted",
    "precondition-failed": "conflict",
    "too-large": "too-long",
    "unsupported-media-type": "not-supported",
    "unprocessable": "business-rule",
    "too-many-requests": "throttled",
    "unavailable": "transient",
}


def outcome(error: PhivaultError, request_id: str) -> tuple[str, str]:
    """Media type and text of the OperationOutcome of an error; a 5xx names the request under which its cause
    stands in the log, and nothing about the cause."""
    return MEDIA_TYPE, operation_outcome(error, request_id=request_id).decode()


def operation_outcome(error: PhivaultError, *, expression: Sequence[str] = (), request_id: str = "") -> bytes:
    """The OperationOutcome of an error. ``expression`` are FHIRPaths of the elements in error; an InvalidResource
    has one issue for each of its findings."""
    if isinstance(error, InvalidResource):
        issues = [_issue("structure", f"{found.path} {found.rule}", [found.path]) for found in error.findings]
    elif error.status >= 500:
        instance = f" (urn:uuid:{request_id})" if request_id else ""
        issues = [_issue(_ISSUE_TYPES.get(error.code, "exception"), error.title + instance, expression)]
    else:
        issues = [_issue(_ISSUE_TYPES.get(error.code, "processing"), error.detail or error.title, expression)]
    return encode({"resourceType": "OperationOutcome", "issue": issues})


def _issue(code: str, text: str, expression: Sequence[str]) -> dict[str, Any]:
    severity = "fatal" if code == "exception" else "error"
    issue: dict[str, Any] = {"severity": severity, "code": code, "diagnostics": text}
    return issue | ({"expression": list(expression)} if expression else {})


def informational(text: str) -> bytes:
    """The OperationOutcome of a success; ``text`` is ours."""
    issue = {"severity": "information", "code": "informational", "diagnostics": text}
    return encode({"resourceType": "OperationOutcome", "issue": [issue]})
