"""Step 13: a tenant's own policy, which takes two people, holds at once, explains itself and is rolled back."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen

POLICIES = "/v1/admin/policies"
TEXT = """@id("coordinators-see-no-identities")
forbid (principal in Role::"care_coordinator", action in [Action::"read", Action::"search"], resource is PatientData)
when { resource in DataClass::"identifying" };
"""


def play(lab: Lab) -> Iterator[Exchange]:
    path = f"/v1/fhir/Patient/{lab.tenant.patients[1]}"
    before = lab.read("care_coordinator", path)
    yield seen("A coordinator reads", before, kept=_names(before), verdict="Who it is")
    base = lab.read("privacy_officer", POLICIES).json()["version"]
    proposed = lab.send("privacy_officer", "POST", POLICIES, {"text": TEXT, "base_version": base})
    yield seen(
        "An officer proposes a policy", proposed, kept=proposed.status_code == 202, verdict="Nothing changes yet"
    )
    approval = f"{POLICIES}/proposals/{proposed.json().get('id', '')}/approve"
    alone = lab.send("privacy_officer", "POST", approval)
    yield seen("Approving one's own", alone, kept=alone.status_code == 403, verdict="Refused")
    approved = lab.send("security_officer", "POST", approval)
    yield seen("Another person approves", approved, kept=approved.status_code == 200, verdict="It holds from here on")
    after = lab.read("care_coordinator", path)
    yield seen("The coordinator's next request", after, kept=not _names(after), verdict="Name and birth date withheld")
    yield _explained(lab)
    yield from _rolled_back(lab, base)
    again = lab.read("care_coordinator", path)
    yield seen("The coordinator's next request", again, kept=_names(again), verdict="As before")


def _explained(lab: Lab) -> Exchange:
    question = {
        "hypothetical": {"role": "care_coordinator"},
        "action": "read",
        "resource_type": "Patient",
        "purpose": "TREATMENT",
        "classes": ["identifying"],
    }
    why = lab.send("auditor", "POST", f"{POLICIES}/explain", question)
    named = why.status_code == 200 and "coordinators-see-no-identities" in why.text
    return seen("Why?", why, kept=named, verdict="The policies that decided, by name")


def _rolled_back(lab: Lab, version: int) -> Iterator[Exchange]:
    back = lab.send("privacy_officer", "POST", f"{POLICIES}/rollback", {"version": version})
    approval = f"{POLICIES}/proposals/{back.json().get('id', '')}/approve"
    done = lab.send("security_officer", "POST", approval)
    kept = back.status_code == 202 and done.status_code == 200
    yield seen("Rolled back, by two people too", done, kept=kept, verdict="A new version with the old text")


def _names(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and "name" in answer.json()
