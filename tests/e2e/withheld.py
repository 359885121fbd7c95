"""What keeps people out who would see: a patient's Consent, and a record that rests. Both hold for the next request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.e2e.cast import answered
from tests.e2e.journal import Journal, expect

if TYPE_CHECKING:
    from tests.e2e.access import Access

HL7 = "http://terminology.hl7.org/CodeSystem/"
OWN = "PATIENT_REQUEST"


def play(journal: Journal, access: Access) -> None:
    access.sign_in("doctor", "patient", "privacy")
    with journal.check("a patient reads their own record and nobody else writes their Consents"):
        _own(access)
    with journal.check("denied by the patient's Consent, the clinician who treats them reads and searches nothing"):
        consent = _deny(access)
    with journal.check("the Consent withdrawn, they read again, and what it said stays in its history"):
        _withdraw(access, consent)
    with journal.check("what can't be enforced is refused"):
        _refuse(access)
    with journal.check("a restricted record rests for its clinician, not for the patient; lifted, it is read again"):
        _restrict(access)


def consent(access: Access, status: str, **more: Any) -> dict[str, Any]:
    """It denies to the clinician."""
    who = {"reference": {"identifier": {"system": "urn:phivault:user", "value": access.people["doctor"].id}}}
    actor = who | {"role": {"coding": [{"system": HL7 + "v3-ParticipationType", "code": "IRCP"}]}}
    return {
        "resourceType": "Consent",
        "status": status,
        "patient": {"reference": f"Patient/{access.patient_id}"},
        "scope": {"coding": [{"system": HL7 + "consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"coding": [{"system": HL7 + "v3-ActCode", "code": "OPTIN"}]},
        "provision": {"type": "deny", "actor": [actor]},
    } | more


def _found(access: Access) -> int:
    """How many of the patient's observations the clinician's search shows."""
    query = f"fhir/Observation?patient={access.patient_id}&_count=5"
    return len(answered(access.ask("doctor", "GET", query), 200).get("entry", []))


def _own(access: Access) -> None:
    expect(access.sees("patient", OWN), "the patient doesn't read their own name")
    expect(access.sees("doctor") and _found(access), "the clinician doesn't read")
    answered(access.ask("doctor", "POST", "fhir/Consent", consent(access, "active")), 403)


def _deny(access: Access) -> str:
    made = answered(access.ask("patient", "POST", "fhir/Consent", consent(access, "active")), 201)
    expect(not access.sees("doctor") and not access.measures("doctor"), "the clinician still reads")
    expect(_found(access) == 0, "the clinician still finds")
    expect(access.sees("patient", OWN), "the patient is kept out")
    return str(made["id"])


def _withdraw(access: Access, id: str) -> None:
    place = f"fhir/Consent/{id}"
    answered(access.ask("patient", "PUT", place, consent(access, "inactive", id=id)), 200)
    expect(access.sees("doctor") and access.measures("doctor") and _found(access), "the clinician is still kept out")
    before = answered(access.ask("patient", "GET", f"{place}/_history/1"), 200)
    expect(before["status"] == "active", "the history has it otherwise")


def _refuse(access: Access) -> None:
    unknown = consent(access, "active")
    unknown["provision"]["code"] = [{"text": "x"}]
    answered(access.ask("patient", "POST", "fhir/Consent", unknown), 422)
    expect(access.sees("doctor"), "it holds nevertheless")


def _restrict(access: Access) -> None:
    place = f"patients/{access.patient_id}/restriction"
    body: dict[str, Any] = {"ground": "objection", "purposes": []}
    answered(access.ask("doctor", "PUT", place, body), 403, "denied")
    answered(access.ask("privacy", "PUT", place, body), 200)
    expect(not access.sees("doctor") and not access.measures("doctor"), "the record doesn't rest")
    expect(access.sees("patient", OWN), "the patient is kept out")
    expect(access.sees("privacy", "OPERATIONS"), "the privacy officer is kept out")
    answered(access.ask("privacy", "DELETE", place), 204)
    expect(access.sees("doctor") and access.measures("doctor"), "it still rests")
    answered(access.ask("privacy", "DELETE", place), 404, "not-found")
