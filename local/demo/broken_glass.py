"""Step 12: an emergency: the glass is broken for one patient, an alert goes out, another person reviews."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from local.demo.consent import coded
from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen

GLASS = "/v1/break-glass"
SECONDS = 15


def play(lab: Lab) -> Iterator[Exchange]:
    patient = lab.tenant.patients[1]
    conditions = f"/v1/fhir/Condition?patient={patient}&_count=2"
    yield from _closed(lab, conditions)
    opened = lab.send("care_coordinator", "POST", GLASS, {"patient": patient, "reason": "no-time-to-ask"})
    yield seen("Breaking the glass", opened, kept=opened.status_code == 201, verdict="One patient, one hour")
    id = str(opened.json().get("id", ""))
    yield _alert(lab, id)
    shown = lab.read("care_coordinator", conditions, X_Purpose_Of_Use="EMERGENCY")
    yield seen("The same request", shown, kept=coded(shown) > 0, verdict="Diagnoses of this patient")
    other = lab.read(
        "care_coordinator", f"/v1/fhir/Condition?patient={lab.tenant.patients[2]}", X_Purpose_Of_Use="EMERGENCY"
    )
    yield seen("Another patient's", other, kept=coded(other) == 0, verdict="Nothing: the glass was broken for one")
    yield from _reviewed(lab, id)
    closed = lab.read("care_coordinator", conditions, X_Purpose_Of_Use="EMERGENCY")
    yield seen("The same request, afterwards", closed, kept=coded(closed) == 0, verdict="Closed")
    yield _standard(lab, patient)


def _closed(lab: Lab, conditions: str) -> Iterator[Exchange]:
    plain = lab.read("care_coordinator", conditions)
    yield seen("A coordinator outside the care team", plain, kept=coded(plain) == 0, verdict="No diagnoses")
    claimed = lab.read("care_coordinator", conditions, X_Purpose_Of_Use="EMERGENCY")
    yield seen("Saying EMERGENCY is not enough", claimed, kept=coded(claimed) == 0, verdict="Nothing")


def _reviewed(lab: Lab, id: str) -> Iterator[Exchange]:
    verdict = {"verdict": "justified"}
    early = lab.send("security_officer", "POST", f"{GLASS}/{id}/review", verdict)
    yield seen("A review while it lasts", early, kept=early.status_code == 409, verdict="First it has to end")
    ended = lab.send("care_coordinator", "POST", f"{GLASS}/{id}/end")
    yield seen("The coordinator ends it", ended, kept=ended.status_code == 200, verdict="Before its hour is over")
    own = lab.send("care_coordinator", "POST", f"{GLASS}/{id}/review", verdict)
    yield seen("Reviewing oneself", own, kept=own.status_code == 403, verdict="Refused")
    judged = lab.send("security_officer", "POST", f"{GLASS}/{id}/review", verdict)
    yield seen("Another person's verdict", judged, kept=judged.status_code == 200, verdict="Due within 72 hours")


def _alert(lab: Lab, id: str) -> Exchange:
    """The message on the alert topic: ids alone, no PHI."""
    deadline = time.monotonic() + SECONDS
    found: list[dict[str, Any]] = []
    while not found and time.monotonic() < deadline:
        found = [one for one in lab.events(action="break-glass.open") if one["resource_id"] == id]
        time.sleep(0.2)
    noted = found[0] if found else {}
    shown = "\n".join(f"{name}: {noted.get(name)}" for name in ("timestamp", "action", "risk", "purpose", "flags"))
    return Exchange(
        "What officers are alerted with",
        "GET /v1/audit/events?action=break-glass.open",
        shown,
        noted.get("risk") == "CRITICAL",
        "CRITICAL, on record before the glass broke",
    )


def _standard(lab: Lab, patient: str) -> Exchange:
    answer = lab.read(
        "privacy_officer", f"/v1/fhir/AuditEvent?patient=Patient/{patient}", X_Purpose_Of_Use="OPERATIONS"
    )
    return seen(
        "As FHIR tells it", answer, kept="ETREAT" in answer.text, verdict="Purpose ETREAT (emergency treatment)"
    )
