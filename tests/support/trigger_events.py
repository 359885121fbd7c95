"""What Cognito sends to triggers, as its developer guide shows it."""

from __future__ import annotations

from typing import Any

SUB = "0d9c4f0e-3c64-4d4c-9d52-1f6a5a5b8d11"
EMAIL = "clinician@example.test"


def trigger_event(source: str, /, request: dict[str, Any] | None = None, **attributes: str) -> dict[str, Any]:
    """``attributes`` are the user's, with ``__`` for ``:``; ``request`` holds further members."""
    named = {name.replace("__", ":"): value for name, value in attributes.items()}
    own = {"sub": SUB, "email": EMAIL, "custom:tenant_id": "tenant-a", "custom:role": "clinician"} | named
    return {
        "version": "1",
        "triggerSource": source,
        "region": "us-east-1",
        "userPoolId": "us-east-1_Test",
        "userName": SUB,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
        "request": {"userAttributes": {name: value for name, value in own.items() if value}} | (request or {}),
        "response": {},
    }
