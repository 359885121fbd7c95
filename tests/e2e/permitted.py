"""What lets somebody in: a grant, a tenant's policies, the approval of a research project. Each takes two people."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from local.demo.release import personal_values
from tests.e2e.cast import answered
from tests.e2e.journal import Journal, expect

if TYPE_CHECKING:
    from tests.e2e.access import Access

GRANTS, POLICIES = "admin/grants", "admin/policies"
PROJECT = "e2e-study"
DAY = 24 * 3600
TEXT = """
@id("coordinators-read-clinical")
permit (
  principal in Role::"care_coordinator", action == Action::"read", resource is PatientData in DataClass::"clinical"
)
when { context.purpose == Purpose::"TREATMENT" };
"""


def play(journal: Journal, access: Access) -> None:
    access.sign_in("privacy", "security", "coordinator", "study")
    with journal.check("nobody proposes a grant to themself; approved by a second person it opens clinical data"):
        grant = _grant(access)
    with journal.check("revoked by one person it opens nothing from the next request on, and never holds again"):
        _revoke(access, grant)
    with journal.check("a tenant's policies: proposed, refused to their own author, approved, they hold at once"):
        _policies(access)
    with journal.check("a policy that the schema or a guardrail refuses changes nothing"):
        _refused_policies(access)
    with journal.check("an explanation names the tenant's own policy"):
        _explain(access)
    with journal.check("rolled back by two people, they hold no more"):
        _roll_back(access)
    with journal.check(
        "a researcher reads nothing without a project, and de-identified data of one that two people approved"
    ):
        pseudonym = _research(access)
    with journal.check("a real id leads nowhere, nor does another project; the approval ends at its revocation"):
        _elsewhere(access, pseudonym)


def _grant(access: Access) -> str:
    terms = {"classes": ["clinical"], "purposes": ["TREATMENT"], "until": int(time.time()) + DAY}
    user = access.people["coordinator"].id
    body = {"kind": "access", "user_id": user, "patient": access.patient_id} | terms
    answered(access.ask("coordinator", "POST", GRANTS, body), 403, "denied")
    answered(access.ask("doctor", "POST", GRANTS, body), 403, "denied")
    expect(not access.measures("coordinator"), "clinical data without a grant")
    grant = access.by_two("privacy", GRANTS, body, "security")
    expect(grant["state"] == "active" and grant["approved"]["classes"] == ["clinical"], f"{grant['state']}")
    expect(access.measures("coordinator"), "the grant shows nothing")
    expect(not access.measures("coordinator", "OPERATIONS"), "it holds for a purpose that it doesn't name")
    return f"{GRANTS}/{grant['id']}"


def _revoke(access: Access, grant: str) -> None:
    answered(access.ask("privacy", "DELETE", grant), 204)
    expect(not access.measures("coordinator"), "it still opens")
    answered(access.ask("privacy", "DELETE", grant), 409, "conflict")
    answered(access.ask("security", "POST", f"{grant}/approve", {"version": 1}), 409, "conflict")
    expect(answered(access.ask("security", "GET", grant), 200)["state"] == "revoked", "it isn't revoked")


def _base(access: Access) -> int:
    return int(answered(access.ask("privacy", "GET", POLICIES), 200)["version"])


def _policies(access: Access) -> None:
    base = _base(access)
    body = {"text": TEXT, "base_version": base}
    proposed = answered(access.ask("privacy", "POST", POLICIES, body), 202)
    approve = f"{POLICIES}/proposals/{proposed['id']}/approve"
    answered(access.ask("privacy", "POST", approve), 403, "denied")
    expect(not access.measures("coordinator"), "proposed policies hold")
    said = answered(access.ask("security", "POST", approve), 200)
    expect(said["version"] == base + 1 == _base(access), f"{said}")
    expect(access.measures("coordinator"), "the policies show nothing")


def _refused_policies(access: Access) -> None:
    """No schema, no attribute like this; and what would open more than a guardrail lets through opens nothing."""
    base = _base(access)
    wrong = TEXT.replace("context.purpose", "context.mood")
    answered(access.ask("privacy", "POST", POLICIES, {"text": wrong, "base_version": base}), 400, "invalid")
    answered(access.ask("doctor", "POST", POLICIES, {"text": TEXT, "base_version": base}), 403, "denied")
    answered(access.ask("privacy", "POST", POLICIES, {"text": TEXT, "base_version": base + 7}), 409, "conflict")
    expect(_base(access) == base, "another version holds")


def _explain(access: Access) -> None:
    about = {"action": "read", "purpose": "TREATMENT", "resource_type": "Observation", "patient": access.patient_id}
    asked = {"user_id": access.people["coordinator"].id, "classes": ["clinical"]} | about
    (said,) = answered(access.ask("security", "POST", f"{POLICIES}/explain", asked), 200)["decisions"]
    deciding = [(one["id"], one["tenants_own"]) for one in said["policies"]]
    expect(said["allowed"] and ("coordinators-read-clinical", True) in deciding, f"{deciding}")


def _roll_back(access: Access) -> None:
    base = _base(access)
    said = answered(access.ask("privacy", "POST", f"{POLICIES}/rollback", {"version": base - 1}), 202)
    approve = f"{POLICIES}/proposals/{said['id']}/approve"
    expect(access.measures("coordinator"), "one person rolled them back")
    answered(access.ask("privacy", "POST", approve), 403, "denied")
    expect(answered(access.ask("security", "POST", approve), 200)["version"] == base + 1, "versions don't grow")
    expect(not access.measures("coordinator"), "they still hold")
    kept = answered(access.ask("security", "GET", f"{POLICIES}/versions/{base}"), 200)
    expect(kept["text"] == TEXT, "the version that held isn't kept")


def _research(access: Access) -> str:
    """The patient's pseudonym."""
    query = "fhir/Patient?_count=20"
    answered(access.ask("study", "GET", query, purpose="RESEARCH"), 403)
    body = {"kind": "project", "user_id": access.people["study"].id, "project": PROJECT}
    access.by_two("privacy", GRANTS, body | {"until": int(time.time()) + DAY}, "security")
    answer = access.ask("study", "GET", query, purpose="RESEARCH", project=PROJECT)
    (one,) = [entry["resource"] for entry in answered(answer, 200)["entry"]]
    expect(one["id"] != access.patient_id and access.patient_id not in answer.text, "the real id shows")
    expect(not any(value in answer.text for value in personal_values(access.patient)), "a personal value shows")
    return str(one["id"])


def _elsewhere(access: Access, pseudonym: str) -> None:
    def read(id: str, project: str = PROJECT) -> int:
        return access.ask("study", "GET", f"fhir/Patient/{id}", purpose="RESEARCH", project=project).status_code

    statuses = (read(pseudonym), read(access.patient_id), read(pseudonym, "somebody-elses"))
    expect(statuses == (200, 404, 403), f"{statuses}")
    measured = access.ask(
        "study", "GET", f"fhir/Observation?patient={pseudonym}&_count=1", purpose="RESEARCH", project=PROJECT
    )
    (entry,) = answered(measured, 200)["entry"]
    subject = entry["resource"].get("subject")
    expect(subject == {"reference": f"Patient/{pseudonym}"}, f"the subject is {'there' if subject else 'missing'}")
    answered(access.ask("study", "GET", f"fhir/Patient/{pseudonym}", purpose="TREATMENT"), 403)
    grants = answered(access.ask("privacy", "GET", f"{GRANTS}?user={access.people['study'].id}"), 200)["grants"]
    (grant,) = [one["id"] for one in grants if one["state"] == "active"]
    answered(access.ask("privacy", "DELETE", f"{GRANTS}/{grant}"), 204)
    expect(read(pseudonym) == 403, "the project is still open")
