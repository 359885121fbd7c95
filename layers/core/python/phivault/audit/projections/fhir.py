"""An event as a FHIR R4 AuditEvent, in IHE's Basic Audit Log Patterns (BALP 1.1.3) where one fits.

http://hl7.org/fhir/R4/auditevent.html, https://profiles.ihe.net/ITI/BALP/. A profile is claimed for successful events
alone, as its patterns demand. Two things that BALP wants aren't in the log, and are said to be absent rather than made
up: the client's network address is sealed (``masked``), and a search's parameters aren't recorded, so that
``entity.query`` holds the request's path without them.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any, Final

from phivault.audit.canonical import EventLine
from phivault.audit.event import Action, AuditEvent
from phivault.audit.policy import DISCLOSURE

type Json = dict[str, Any]
type _Agents = tuple[Json, Json, Json]

PROFILES: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
REST: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
_LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_ENTITY: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_OWN: Final = "urn:phivault:"
_FHIR_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_REASONS: Final = {
    "TREATMENT": "TREAT",
    "PAYMENT": "HPAYMT",
    "OPERATIONS": "HOPERAT",
    "RESEARCH": "HRESCH",
    "PATIENT_REQUEST": "PATRQT",
    "EMERGENCY": "ETREAT",
}
_SERIOUS: Final = frozenset({"internal", "integrity", "unavailable"})


def _coding(system: str, code: str, display: str = "") -> Json:
    return {"system": system, "code": code} | ({"display": display} if display else {})


_SOURCE: Final = _coding(DCM, "110153", "Source Role ID")
_DESTINATION: Final = _coding(DCM, "110152", "Destination Role ID")
_APPLICATION: Final = _coding(DCM, "110150", "Application")
_CUSTODIAN: Final = _coding(
    "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian"
)
_RECIPIENT: Final = _coding(_PARTICIPATION, "IRCP", "information recipient")
_AUTHOR: Final = _coding(_PARTICIPATION, "AUT", "author (originator)")

_ASKS: Final = (_SOURCE, _DESTINATION, _RECIPIENT)
_SENDS: Final = (_DESTINATION, _SOURCE, _RECIPIENT)
_WRITES: Final = (_SOURCE, _DESTINATION, _AUTHOR)
_DELETES: Final = (_APPLICATION, _CUSTODIAN, _AUTHOR)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What FHIR calls an action. ``profile`` is BALP's, with ``Patient`` before it where a patient is concerned;
    ``agents`` are the types of its client, server and user."""

    type: Json
    subtype: Json | None
    action: str
    profile: str = ""
    agents: _Agents = _ASKS


_RESTFUL: Final = _coding(REST, "rest", "RESTful Operation")
_EXPORT: Final = _coding(DCM, "110106", "Export")
_AUDIT_USED: Final = _coding(DCM, "110101", "Audit Log Used")
_AUTHENTICATION: Final = _coding(DCM, "110114", "User Authentication")
_ACTIVITY: Final = _coding(DCM, "110100", "Application Activity")
_ALERT: Final = _coding(DCM, "110113", "Security Alert")
_OVERRIDE: Final = _coding(DCM, "110127", "Emergency Override Started")
_OVERRIDE_OVER: Final = _coding(DCM, "110138", "Emergency Override Stopped")
_LOGIN: Final = _coding(DCM, "110122", "Login")
_LOGOUT: Final = _coding(DCM, "110123", "Logout")


def _restful(code: str, action: str, profile: str = "", agents: _Agents = _ASKS) -> _Kind:
    return _Kind(_RESTFUL, _coding(INTERACTION, code, code), action, profile, agents)


_KINDS: Final[dict[Action, _Kind]] = {
    Action.CREATE: _restful("create", "C", "Create", _WRITES),
    Action.READ: _restful("read", "R", "Read", _SENDS),
    Action.VREAD: _restful("vread", "R", "Read", _SENDS),
    Action.UPDATE: _restful("update", "U", "Update", _WRITES),
    Action.DELETE: _restful("delete", "D", "Delete", _DELETES),
    Action.SEARCH: _restful("search-type", "E", "Query"),
    Action.HISTORY: _restful("history-instance", "R", "Read", _SENDS),
    Action.EVERYTHING: _restful("operation", "E", "Query"),
    Action.VALIDATE: _restful("operation", "E"),
    Action.TRANSACTION: _restful("transaction", "E"),
    Action.BATCH: _restful("batch", "E"),
    Action.FHIR_AUDIT_SEARCH: _restful("search-type", "E", "Query"),
    Action.FHIR_AUDIT_READ: _restful("read", "R", "Read", _SENDS),
    Action.SIGN_OUT: _Kind(_AUTHENTICATION, _LOGOUT, "E"),
    Action.MFA_ENROL: _Kind(_coding(DCM, "110137", "User Security Attributes Changed"), None, "U"),
    Action.AUDIT_EXPORT: _Kind(_EXPORT, _AUDIT_USED, "R"),
    # DICOM PS3.15 A.5.3.11: an emergency override is a security alert.
    Action.BREAK_GLASS_OPEN: _Kind(_ALERT, _OVERRIDE, "E"),
    Action.BREAK_GLASS_END: _Kind(_ALERT, _OVERRIDE_OVER, "E"),
}
_VERBS: Final = {"create": "C", "read": "R", "search": "E", "update": "U", "delete": "D", "destroy": "D", "open": "R"}


def project(line: EventLine) -> Json:
    """The AuditEvent, its ``id`` the event's."""
    event = line.event
    kind = _disclosed() if _is_disclosure(event) else _kind(event.action)
    parts: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": event.id,
        "meta": _meta(event, kind),
        "type": kind.type,
        "subtype": [*([kind.subtype] if kind.subtype else []), _coding(_OWN + "action", event.action.value)],
        "action": kind.action,
        "recorded": event.timestamp,
        "outcome": outcome(event),
        "outcomeDesc": event.error,
        "purposeOfEvent": _purposes(event),
        "agent": _agents(line, kind),
        "source": {"observer": _identified("tenant", event.tenant), "type": [_APPLICATION_SERVER]},
        "entity": _entities(event, kind),
    }
    return {name: part for name, part in parts.items() if part not in ("", [])}


def outcome(event: AuditEvent) -> str:
    """0 success; 4 refused; 8 failed for a reason of the server's own."""
    if event.success:
        return "0"
    return "8" if event.error in _SERIOUS else "4"


_APPLICATION_SERVER: Final = _coding(
    "http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server"
)


def _kind(action: Action) -> _Kind:
    if action in _KINDS:
        return _KINDS[action]
    subject, _, verb = action.value.partition(".")
    if subject == "auth":
        return _Kind(_AUTHENTICATION, _LOGIN, "E")
    return _Kind(_AUDIT_USED if subject == "audit" else _ACTIVITY, None, _VERBS.get(verb, "E"))


def _is_disclosure(event: AuditEvent) -> bool:
    return event.success and event.patient != "" and DISCLOSURE in event.flags


def _disclosed() -> _Kind:
    subtype = _coding(_LIFECYCLE, "disclose", "Disclose Record Lifecycle Event")
    return _Kind(_EXPORT, subtype, "R", "PrivacyDisclosure.Source", _SENDS)


def _meta(event: AuditEvent, kind: _Kind) -> Json:
    tags = [_coding(_OWN + "risk", event.risk.value), *(_coding(_OWN + "compliance", flag) for flag in event.flags)]
    if not (event.success and kind.profile):
        return {"tag": tags}
    of_patient = event.patient and kind.type is _RESTFUL
    return {"profile": [f"{PROFILES}{'Patient' if of_patient else ''}{kind.profile}"], "tag": tags}


def _purposes(event: AuditEvent) -> list[Json]:
    reason = _REASONS.get(event.purpose)
    return [{"coding": [_coding(_REASON, reason)]}] if reason else []


def _agents(line: EventLine, kind: _Kind) -> list[Json]:
    event = line.event
    client = {
        "type": {"coding": [kind.agents[0]]},
        "who": _identified("session", event.session) if event.session else {"display": "a client without a session"},
        "requestor": not event.user_id,
        "network": {"_address": {"extension": [{"url": _ABSENT, "valueCode": "masked"}]}, "type": "2"},
    }
    server = {
        "type": {"coding": [kind.agents[1]]},
        "who": _identified("tenant", event.tenant),
        "requestor": False,
        "network": {"address": f"{_OWN}writer:{line.link.writer}", "type": "5"},
    }
    return [client, server, *([_user(event, kind)] if event.user_id else [])]


def _user(event: AuditEvent, kind: _Kind) -> Json:
    user = {"type": {"coding": [kind.agents[2]]}, "who": _identified("user", event.user_id), "requestor": True}
    if event.role:
        user["role"] = [{"coding": [_coding(_OWN + "role", event.role)]}]
    return user | ({"purposeOfUse": _purposes(event)} if _purposes(event) else {})


def _entities(event: AuditEvent, kind: _Kind) -> list[Json]:
    entities: list[Json] = []
    if event.request_id:
        what = {"identifier": {"value": event.request_id}}
        system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
        entities.append({"what": what, "type": _coding(system, "XrequestId")})
    if event.patient:
        role = _coding(_ROLE, "1", "Patient")
        what = _reference("Patient", event.patient)
        entities.append({"what": what, "type": _coding(_ENTITY, "1", "Person"), "role": role})
    if kind.profile == "Query":
        entities.append(_query(event))
    elif event.resource:
        entities.append(_data(event))
    return entities


def _data(event: AuditEvent) -> Json:
    what = {"type": event.resource, "identifier": {"value": event.resource_id}}
    if event.resource_id == "" or event.action.value.startswith(("fhir.", "audit.")):  # a FHIR type, for the rest
        what = _reference(event.resource, event.resource_id, f"/_history/{event.version}" if event.version else "")
    entity = {
        "what": what,
        "type": _coding(_ENTITY, "2", "System Object"),
        "role": _coding(_ROLE, "4", "Domain Resource"),
    }
    return entity | _labels(event)


def _query(event: AuditEvent) -> Json:
    path = f"/v1/fhir/{event.resource}"
    found = f", found {event.resource}/{event.resource_id}" if event.resource_id else ""
    entity = {
        "type": _coding(_ENTITY, "2", "System Object"),
        "role": _coding(_ROLE, "24", "Query"),
        "description": f"{path} (parameters are not recorded){found}",
        "query": base64.b64encode(path.encode()).decode(),
    }
    return entity | _labels(event)


def _labels(event: AuditEvent) -> Json:
    return {"securityLabel": [_coding(_OWN + "data-class", name) for name in event.classes]} if event.classes else {}


def _reference(type: str, id: str, version: str = "") -> Json:
    if not id:
        return {"type": type}
    if not _FHIR_ID.fullmatch(id):
        return {"type": type, "identifier": {"value": id}}
    return {"reference": f"{type}/{id}{version}", "type": type}


def _identified(what: str, value: str) -> Json:
    return {"identifier": {"system": _OWN + what, "value": value}}
