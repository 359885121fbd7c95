"""What this server can do, as FHIR clients ask it. http://hl7.org/fhir/R4/capabilitystatement.html"""

from __future__ import annotations

from typing import Any, Final

from phivault.records.index.parameters import Parameter, parameters
from phivault.records.json_members import encode
from phivault.records.search_include import INCLUDES
from phivault.records.types import TYPES, ResourceType

CHANGED = "2026-11-22"
"""When what is said here last changed."""

_INTERACTIONS = ("create", "read", "vread", "update", "patch", "delete", "history-instance", "search-type")
_OPERATION = "http://hl7.org/fhir/OperationDefinition/"
_SECURITY = (
    "OAuth 2.0 bearer tokens of a sign-in with a second factor. X-Purpose-Of-Use says why data is asked for; "
    "elements that this doesn't permit are withheld and the resource is marked REDACTED and SUBSETTED. "
    "Search parameters that tell about a person are taken by POST [type]/_search alone."
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
            "patchFormat": ["application/json-patch+json"],
            "rest": [
                {
                    "mode": "server",
                    "security": {"service": [_oauth()], "description": _SECURITY},
                    "resource": [*(_resource(row) for row in TYPES.values()), _AUDIT_EVENT],
                    "interaction": [{"code": "transaction"}, {"code": "batch"}],
                }
            ],
        }
    )


def _oauth() -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    return {"coding": [{"system": system, "code": "OAuth", "display": "OAuth"}]}


def _resource(row: ResourceType) -> dict[str, Any]:
    said = {
        "type": row.name,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": True,
        "conditionalRead": "not-supported",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "enforced"],
        "searchInclude": [f"{row.name}:{name}" for name in sorted(INCLUDES.get(row.name, ()))],
        "searchParam": [*_COMMON, *_OWN.get(row.name, ()), *map(_described, parameters(row.name).values())],
        "operation": [{"name": name, "definition": _OPERATION + page} for name, page in _operations(row)],
    }
    return {name: value for name, value in said.items() if value != []}


def _operations(row: ResourceType) -> list[tuple[str, str]]:
    everything = [("everything", "Patient-everything")] if row.name == "Patient" else []
    return [("validate", "Resource-validate"), *everything]


# Some of these ask for a form of the answer and select nothing: clients look for them here all the same.
_COMMON: Final = [
    _parameter("_id", "token", "The resource's id; several between commas"),
    _parameter("_lastUpdated", "date", "When the newest version was written"),
    _parameter("_count", "number", "How many matches a page has, at most 100"),
    _parameter("_sort", "string", "_lastUpdated, _id, or by date within a patient; - in front turns it round"),
    _parameter("_summary", "token", "true, text, data or false"),
    _parameter("_elements", "string", "The elements to answer, between commas"),
    _parameter("_total", "token", "none: how many matches there are is not told"),
]
_OWN: Final = {
    "Patient": [
        _parameter(name, "reference", "The patient, as _id; _sort by a date needs it; by GET or POST [type]/_search")
        for name in ("patient", "subject")
    ]
}


def _described(parameter: Parameter) -> dict[str, str]:
    where = "by POST [type]/_search alone" if parameter.is_phi else "by GET or POST [type]/_search"
    return _parameter(parameter.name, parameter.search_type, f"{', '.join(parameter.paths)}; {where}")
