"""What this server can do, as FHIR clients ask it. http://hl7.org/fhir/R4/capabilitystatement.html"""

from __future__ import annotations

from typing import Any, Final

from phivault.records.json_members import encode
from phivault.records.types import TYPES, ResourceType

CHANGED = "2026-11-22"
"""When what is said here last changed."""

_INTERACTIONS = ("create", "read", "vread", "update", "delete", "search-type")
_SECURITY = (
    "OAuth 2.0 bearer tokens of a sign-in with a second factor. X-Purpose-Of-Use says why data is asked for; "
    "elements that this doesn't permit are withheld and the resource is marked REDACTED and SUBSETTED. "
    "Search parameters that are personal data are refused."
)


def _parameter(name: str, kind: str, text: str) -> dict[str, str]:
    return {"name": name, "type": kind, "documentation": text}


_AUDIT_EVENT: Final = {
    "type": "AuditEvent",
    "documentation": "A projection of the audit log, for those who review it",
    "interaction": [{"code": "read"}, {"code": "search-type"}],
    "versioning": "no-version",
    "searchParam": [
        _parameter("date", "date", "When it was recorded; twice for a period"),
        _parameter("patient", "reference", "Whose data it is about"),
        _parameter("agent", "reference", "The user's id"),
        _parameter("action", "token", "C, R, U, D, E"),
        _parameter("type", "token", "Type of event"),
        _parameter("subtype", "token", "More specific type, or urn:phivault:action| and our name of the action"),
        _parameter("outcome", "token", "0, 4, 8"),
        _parameter("_count", "number", "How many matches a page has"),
    ],
}


def statement(base_url: str) -> bytes:
    """The CapabilityStatement of the server at ``base_url`` (https://host/v1/fhir)."""
    return encode(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": CHANGED,
            "kind": "instance",
            "software": {"name": "phivault"},
            "implementation": {"description": "phivault FHIR R4 server", "url": base_url},
            "fhirVersion": "4.0.1",
            "format": ["json", "application/fhir+json"],
            "rest": [
                {
                    "mode": "server",
                    "security": {"service": [_oauth()], "description": _SECURITY},
                    "resource": [*(_resource(row) for row in TYPES.values()), _AUDIT_EVENT],
                    "interaction": [{"code": "transaction"}],
                }
            ],
        }
    )


def _oauth() -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    return {"coding": [{"system": system, "code": "OAuth", "display": "OAuth"}]}


def _resource(row: ResourceType) -> dict[str, Any]:
    return {
        "type": row.name,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": False,
        "conditionalRead": "not-supported",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "enforced"],
        "searchParam": [_parameter(name, kind, text) for name, kind, text in _parameters(row)],
    }


def _parameters(row: ResourceType) -> list[tuple[str, str, str]]:
    # _count asks for a page size: it is the one of these that FHIR doesn't call a search parameter of a resource.
    common = [("_id", "token", "The resource's id"), ("_count", "number", "How many matches a page has")]
    return common + ([("patient", "reference", "The patient it is about")] if row.patient_element else [])
