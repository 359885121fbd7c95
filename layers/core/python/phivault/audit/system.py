"""Events that no signed-in person stands behind: keys made, releases, operators and other applications."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from phivault.audit.event import Action, AuditEvent
from phivault.audit.policy import flags_of, risk_of
from phivault.errors import PhivaultError
from phivault.ids import uuid7

NO_TENANT: Final = "-"
request: Final[ContextVar[str]] = ContextVar("request", default="")
"""The id of the request being served, for what happens beneath it."""


def system_event(
    action: Action, *, tenant: str = NO_TENANT, error: PhivaultError | None = None, **fields: Any
) -> AuditEvent:
    """``fields`` are further fields of AuditEvent; ``flags`` among them come beside the policy's."""
    known = {name: fields.get(name, "") for name in ("patient", "purpose")} | {"classes": fields.get("classes", ())}
    flags = (*flags_of(action, error, **known), *fields.pop("flags", ()))
    members: dict[str, Any] = {"request_id": request.get()} | fields
    return AuditEvent(
        id=uuid7(),
        timestamp=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        tenant=tenant,
        action=action,
        success=error is None,
        risk=risk_of(action, error, **known),
        error=error.code if error else "",
        flags=flags,
        **members,
    )


def key_event(
    action: Action, tenant: str, subject: str, version: int, error: PhivaultError | None = None, **fields: Any
) -> AuditEvent:
    """About a subject's key: "Patient/x" is named as "Patient:x", since ids of events have no slash."""
    kind, _, id = subject.partition("/")
    about = {"resource": "SubjectKey", "resource_id": subject.replace("/", ":"), "version": version}
    return system_event(action, tenant=tenant, error=error, **about, patient=id if kind == "Patient" else "", **fields)
