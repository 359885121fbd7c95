"""Step 11: a patient withholds their findings from clinicians, and gives them back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen

CONSENTS = "/v1/fhir/Consent"


def play(lab: Lab) -> Iterator[Exchange]:
    patient = lab.user("patient").patient_id or ""
    path = f"/v1/fhir/Observation?patient={patient}&_count=3"
    before = lab.read("clinician", path)
    yield seen("A clinician of the care team reads", before, kept=coded(before) > 0, verdict="Findings")
    given = lab.send("patient", "POST", CONSENTS, denial(patient))
    yield seen("The patient denies clinicians clinical data", given, kept=given.status_code == 201, verdict="In force")
    thinned = lab.read("clinician", path)
    withheld = thinned.status_code == 200 and coded(thinned) == 0
    yield seen("The clinician's next request", thinned, kept=withheld, verdict="Withheld from the next request on")
    own = lab.read("patient", path)
    yield seen("The patient's own", own, kept=coded(own) > 0, verdict="A consent never hides one's own record")
    forged = lab.send("clinician", "POST", CONSENTS, denial(patient) | {"status": "inactive"})
    yield seen("A clinician writing a consent", forged, kept=forged.status_code == 403, verdict="Refused")
    id = str(given.json().get("id", ""))
    over = lab.send("patient", "PUT", f"{CONSENTS}/{id}", denial(patient) | {"id": id, "status": "inactive"})
    yield seen(
        "The patient withdraws it", over, kept=over.status_code == 200, verdict="A new version; the old one stays"
    )
    after = lab.read("clinician", path)
    yield seen("The clinician's next request", after, kept=coded(after) > 0, verdict="Shown again")


def denial(patient: str) -> dict[str, Any]:
    """A Consent that withholds the data class clinical from everybody of the role clinician."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": _coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [_coded("http://loinc.org", "59284-0")],
        "policyRule": _coded("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTOUT"),
        "patient": {"reference": f"Patient/{patient}"},
        "provision": {
            "type": "deny",
            "actor": [
                {
                    "role": _coded("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
                    "reference": {"identifier": {"system": "urn:phivault:role", "value": "clinician"}},
                }
            ],
            "securityLabel": [{"system": "urn:phivault:data-class", "code": "clinical"}],
        },
    }


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def coded(answer: httpx.Response) -> int:
    """How many of the found resources tell what they are about: their code is clinical."""
    entries = answer.json().get("entry", []) if answer.status_code == 200 else []
    return sum("code" in entry["resource"] for entry in entries)
