"""Step 17: an operator of the database puts an earlier version of a row back, validly sealed as it was."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen

ALERT_SECONDS = 10
ROW = "select version, at, envelope from phi.resources where type = 'AllergyIntolerance' and id = %s"
EARLIER = ROW.replace("resources", "history") + " and version = 1"
PUT = "update phi.resources set (version, at, envelope) = (%s, %s, %s) where type = 'AllergyIntolerance' and id = %s"


def play(lab: Lab) -> Iterator[Exchange]:
    patient = lab.tenant.patients[0]
    id = _twice_written(lab, patient)
    path = f"/v1/fhir/AllergyIntolerance/{id}"
    second = lab.read("clinician", path)
    corrected = second.status_code == 200 and second.json()["criticality"] == "high"
    yield seen("An allergy, corrected to a high risk", second, kept=corrected, verdict="Version 2")
    (newest,), (earlier,) = lab.sql(ROW, id), lab.sql(EARLIER, id)
    lab.sql(PUT, *earlier, id)
    shown = f"version {newest[0]} was there; now version {earlier[0]}, {len(earlier[2])} bytes, as it was sealed"
    yield Exchange(
        "Version 1 put back, as superuser", PUT, shown, True, "The database allows it, and its seal is whole"
    )
    try:
        yield _refused("Read it", lab, path)
        yield _refused("In a search", lab, f"/v1/fhir/AllergyIntolerance?patient={patient}")
    finally:
        lab.sql(PUT, *newest, id)
    yield _alert(lab, id)
    healed = lab.read("clinician", path)
    kept = healed.status_code == 200 and healed.json()["meta"]["versionId"] == "2"
    yield seen("Version 2 put back", healed, kept=kept, verdict="It opens again")


def _refused(title: str, lab: Lab, path: str) -> Exchange:
    answer = lab.read("clinician", path)
    kept = answer.status_code == 500 and "criticality" not in answer.text
    return seen(title, answer, kept=kept, verdict="Refused: a newer version was noted outside the database")


def _alert(lab: Lab, id: str) -> Exchange:
    """The event of the refused read, and the message about it."""
    noted = [one for one in lab.events(action="fhir.read", risk="CRITICAL") if one["resource_id"] == id]
    until, alerts = time.monotonic() + ALERT_SECONDS, list[str]()
    while noted and not alerts and time.monotonic() < until:
        told = lab.stack.outbox.messages("security-alerts")
        alerts = [text for text in map(json.dumps, told) if noted[0]["id"] in text]
        time.sleep(0.2)
    shown = "\n".join([*(f"{one['timestamp']} {one['action']} {one['error']} {one['risk']}" for one in noted), *alerts])
    request = "GET /v1/audit/events?action=fhir.read&risk=CRITICAL"
    return Exchange("What the log says", request, shown, bool(alerts), "CRITICAL, and an alert went out")


def _twice_written(lab: Lab, patient: str) -> str:
    allergy: dict[str, Any] = {
        "resourceType": "AllergyIntolerance",
        "criticality": "low",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91936005"}]},
        "patient": {"reference": f"Patient/{patient}"},
    }
    id = str(lab.create("clinician", allergy).raise_for_status().json()["id"])
    path, changed = f"/v1/fhir/AllergyIntolerance/{id}", allergy | {"id": id, "criticality": "high"}
    lab.send("clinician", "PUT", path, changed).raise_for_status()
    return id
