"""Audit events of people: the one place that makes a line of who did what and how it ended."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from phivault.access.principal import Personal, Principal
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.policy import flags_of, risk_of
from phivault.errors import PhivaultError
from phivault.ids import uuid7


def attributed(
    action: Action,
    tenant: str,
    person: Personal | None,
    *,
    at: float,
    request_id: str,
    error: PhivaultError | None = None,
    risk: RiskLevel | None = None,
    flags: tuple[str, ...] = (),
    **fields: Any,
) -> AuditEvent:
    """``at`` is in Unix seconds; ``risk`` is the policy's unless given, ``flags`` come beside the policy's; ``fields``
    are further ones of AuditEvent."""
    if person is not None:
        fields["personal"] = base64.b64encode(person.sealed).decode()
        fields["personal_subject"], fields["personal_ref"] = person.subject, person.ref
    known = {name: fields[name] for name in ("patient", "classes", "purpose") if name in fields}
    return AuditEvent(
        id=fields.pop("id", None) or uuid7(),
        timestamp=datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        tenant=tenant,
        action=action,
        success=error is None,
        risk=risk or risk_of(action, error, **known),
        request_id=request_id,
        error=error.code if error else "",
        flags=(*flags_of(action, error, **known), *flags),
        **fields,
    )


def of_principal(action: Action, principal: Principal, *, at: float, request_id: str, **more: Any) -> AuditEvent:
    """By an authenticated principal; ``more`` are those of ``attributed``."""
    who: Any = {"user_id": principal.user_id, "role": principal.role.value, "session": principal.session_id}
    return attributed(action, principal.tenant, principal.personal, at=at, request_id=request_id, **who, **more)
