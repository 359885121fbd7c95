"""An event in the Open Cybersecurity Schema Framework, as one of three of its classes.

API Activity (6003), Authentication (3002), Account Change (3001): https://schema.ocsf.io/1.3.0.
The log holds no address, because it is sealed: an endpoint is the session's id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from phivault.audit.canonical import EventLine
from phivault.audit.event import Action, AuditEvent, RiskLevel

VERSION: Final = "1.3.0"
_NAMES: Final = {
    3001: "Account Change",
    3002: "Authentication",
    6003: "API Activity",
}
_CATEGORIES: Final = {3: "Identity & Access Management", 6: "Application Activity"}
_SEVERITIES: Final = {
    RiskLevel.LOW: (1, "Informational"),
    RiskLevel.MEDIUM: (3, "Medium"),
    RiskLevel.HIGH: (4, "High"),
    RiskLevel.CRITICAL: (5, "Critical"),
}
_OTHER: Final = 99
# Class, activity and its name. A sign-in's parts are all attempts to log on.
_IDENTITY: Final[dict[Action, tuple[int, int, str]]] = {
    Action.SIGN_IN: (3002, 1, "Logon"),
    Action.CHALLENGE: (3002, 1, "Logon"),
    Action.SIGN_OUT: (3002, 2, "Logoff"),
    Action.TOKEN_ISSUE: (3002, 3, "Authentication Ticket"),
    Action.TOKEN_REFRESH: (3002, 3, "Authentication Ticket"),
    Action.MFA_ENROL: (3001, 10, "MFA Factor Enable"),
}
_VERBS: Final = {
    **dict.fromkeys(("create", "export", "proof"), (1, "Create")),
    **dict.fromkeys(("read", "vread", "search", "audit-search", "audit-read", "checkpoint", "open"), (2, "Read")),
    **dict.fromkeys(("update", "retention", "hold", "migrate"), (3, "Update")),
    **dict.fromkeys(("delete", "destroy"), (4, "Delete")),
}


def project(line: EventLine) -> dict[str, Any]:
    """The event as one object of its class."""
    event = line.event
    class_uid, activity, name = _class(event)
    severity, caption = _SEVERITIES[event.risk]
    common: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": name if activity != _OTHER else event.action.value,
        "category_uid": class_uid // 1000,
        "category_name": _CATEGORIES[class_uid // 1000],
        "class_uid": class_uid,
        "class_name": _NAMES[class_uid],
        "type_uid": class_uid * 100 + activity,
        "type_name": f"{_NAMES[class_uid]}: {name}",
        "time": int(datetime.fromisoformat(event.timestamp).timestamp() * 1000),
        "severity_id": severity,
        "severity": caption,
        "status_id": 1 if event.success else 2,
        "status": "Success" if event.success else "Failure",
        "metadata": _metadata(line),
        "unmapped": _unmapped(line),
    }
    common |= {"status_code": event.error} if event.error else {}
    return common | (_api(event) if class_uid == 6003 else _identity(event, class_uid))


def _class(event: AuditEvent) -> tuple[int, int, str]:
    subject, _, verb = event.action.value.partition(".")
    if event.action in _IDENTITY:
        return _IDENTITY[event.action]
    if subject == "auth":
        return 3002, _OTHER, "Other"
    return 6003, *_VERBS.get(verb, (_OTHER, "Other"))


def _metadata(line: EventLine) -> dict[str, Any]:
    event = line.event
    return {
        "version": VERSION,
        "uid": event.id,
        "correlation_uid": event.request_id,
        "sequence": line.link.sequence,
        "log_name": "phivault audit log",
        "log_provider": line.link.writer,
        "tenant_uid": event.tenant,
        "labels": [*event.flags],
        "product": {"name": "phivault", "vendor_name": "phivault"},
    }


def _user(event: AuditEvent) -> dict[str, Any]:
    user: dict[str, Any] = {"uid": event.user_id} if event.user_id else {"name": "unknown"}
    return user | {"groups": [{"name": event.role}]} if event.role else user


def _session(event: AuditEvent) -> dict[str, Any]:
    return {"session": {"uid": event.session}} if event.session else {}


def _endpoint(event: AuditEvent) -> dict[str, Any]:
    return {"uid": event.session} if event.session else {"name": "sealed"}


def _identity(event: AuditEvent, class_uid: int) -> dict[str, Any]:
    found: dict[str, Any] = {"user": _user(event), "src_endpoint": _endpoint(event)}
    if class_uid == 3001:
        return found | {"actor": {"user": _user(event), **_session(event)}}
    return found | {"service": {"name": "phivault"}, **_session(event)}


def _api(event: AuditEvent) -> dict[str, Any]:
    found: dict[str, Any] = {
        "actor": {"user": _user(event), **_session(event)},
        "api": {
            "operation": event.action.value,
            "request": {"uid": event.request_id},
            "response": {"error": event.error},
            "service": {"name": "phivault"},
        },
        "src_endpoint": _endpoint(event),
    }
    return found | ({"resources": _resources(event)} if event.resource or event.patient else {})


def _resources(event: AuditEvent) -> list[dict[str, Any]]:
    resources: list[dict[str, Any]] = []
    if event.resource:
        version = {"version": str(event.version)} if event.version else {}
        resources.append({"type": event.resource, "uid": event.resource_id, "labels": [*event.classes]} | version)
    if event.patient and (event.resource, event.resource_id) != ("Patient", event.patient):
        resources.append({"type": "Patient", "uid": event.patient})
    return resources


def _unmapped(line: EventLine) -> dict[str, Any]:
    event = line.event
    return {"purpose": event.purpose, "purpose_asserted": event.purpose_asserted, "envelope": event.envelope}
