"""Consents to send: whole resources, and the parts of provisions."""

from __future__ import annotations

from typing import Any

HL7 = "http://terminology.hl7.org/CodeSystem/"


def consent(
    patient: str, /, *, status: str = "active", scope: str = "patient-privacy", **provision: Any
) -> dict[str, Any]:
    """``provision`` are the members of ``Consent.provision``; without any there is none."""
    return {
        "resourceType": "Consent",
        "status": status,
        "scope": {"coding": [{"system": HL7 + "consentscope", "code": scope}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "policyRule": {"coding": [{"system": HL7 + "v3-ActCode", "code": "OPTIN"}]},
    } | ({"provision": provision} if provision else {})


def user(id: str) -> dict[str, Any]:
    return _actor("user", id)


def role(name: str) -> dict[str, Any]:
    return _actor("role", name)


def labels(*names: str) -> list[dict[str, str]]:
    """Data classes by name, codes of v3-Confidentiality and v3-ActCode as they are."""
    systems = {True: "urn:phivault:data-class", False: HL7 + "v3-ActCode"}
    return [
        {"system": HL7 + "v3-Confidentiality" if len(name) == 1 else systems[name.islower()], "code": name}
        for name in names
    ]


def purposes(*codes: str) -> list[dict[str, str]]:
    return [{"system": HL7 + "v3-ActReason", "code": code} for code in codes]


def _actor(kind: str, value: str) -> dict[str, Any]:
    return {
        "role": {"coding": [{"system": HL7 + "v3-ParticipationType", "code": "IRCP"}]},
        "reference": {"identifier": {"system": f"urn:phivault:{kind}", "value": value}},
    }
