"""Step 15: a Bundle whose entries stand alone, a patch that leaves other bytes as they were, a document in pieces."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen

HEART_RATE = {"system": "http://loinc.org", "code": "8867-4"}
DOCUMENT_BYTES = 600 << 10
"""More than two of the pieces that large members are sealed in."""
PIECES = "select octet_length(envelope), position(%s in envelope) from phi.resources where type = 'Binary' and id = %s"


def play(lab: Lab) -> Iterator[Exchange]:
    patient = lab.tenant.patients[0]
    yield from _bundles(lab, patient)
    yield from _patched(lab, patient)
    yield from _document(lab, patient)


def _observation(patient: str, **changed: Any) -> dict[str, Any]:
    code, subject = {"coding": [HEART_RATE]}, {"reference": f"Patient/{patient}"}
    return {"resourceType": "Observation", "status": "final", "code": code, "subject": subject} | changed


def _bundles(lab: Lab, patient: str) -> Iterator[Exchange]:
    good, bad = _observation(patient), _observation(patient, status="guessed")
    entries = [{"request": {"method": "POST", "url": "Observation"}, "resource": one} for one in (good, bad)]
    entries.append({"request": {"method": "GET", "url": f"Patient/{patient}"}})
    count = "select count(*) from phi.resources where type = 'Observation'"
    for kind, statuses, more in (("batch", ["201", "400", "200"], 1), ("transaction", None, 0)):
        before = lab.sql(count)[0][0]
        bundle = {"resourceType": "Bundle", "type": kind, "entry": entries}
        answer = lab.post("clinician", "/v1/fhir", json.dumps(bundle).encode())
        found = [entry["response"]["status"][:3] for entry in answer.json().get("entry", [])] or None
        kept = found == statuses and answer.is_success == (kind == "batch") and lab.sql(count)[0][0] == before + more
        verdict = (
            "Each on its own: one made, one refused, one read" if more else "Refused, the entry named; nothing made"
        )
        yield seen(f"A {kind} with one bad entry", answer, kept=kept, verdict=verdict)


def _patched(lab: Lab, patient: str) -> Iterator[Exchange]:
    sent = json.dumps(_observation(patient))[:-1] + ', "valueQuantity": {"value": 1.10, "unit": "mmol/L"}}'
    made = lab.post("clinician", "/v1/fhir/Observation", sent.encode()).raise_for_status().json()
    path = f"/v1/fhir/Observation/{made['id']}"
    operations = [{"op": "test", "path": "/status", "value": "final"}]
    operations.append({"op": "replace", "path": "/status", "value": "amended"})
    patched = lab.patch("clinician", path, operations)
    kept = patched.status_code == 200 and '"amended"' in patched.text and "1.10" in patched.text
    told = seen("A patch of the status", patched, kept=kept, verdict="The rest as it was sent: 1.10 stays 1.10")
    # As it came: indenting JSON would write 1.1.
    yield Exchange(told.title, told.request, f"{patched.status_code}\n{patched.text}", told.kept, told.verdict)
    again = lab.patch("clinician", path, operations)
    yield seen("The same again", again, kept=again.status_code == 422, verdict="Its test fails, so nothing changes")
    earlier = lab.read("clinician", f"{path}/_history")
    versions = [one["resource"]["status"] for one in earlier.json().get("entry", [])] if earlier.is_success else []
    yield seen("Its history", earlier, kept=versions == ["amended", "final"], verdict="Both versions, newest first")


def _document(lab: Lab, patient: str) -> Iterator[Exchange]:
    scan, owner = os.urandom(DOCUMENT_BYTES), f"Patient/{patient}"
    made = lab.post("clinician", "/v1/fhir/Binary", scan, Content_Type="image/png", X_Security_Context=owner)
    verdict = "Taken as it is, for one patient"
    yield seen("A scan of 600 KiB", made, kept=made.status_code == 201, verdict=verdict)
    id = made.headers["Location"].split("/Binary/")[1].split("/")[0]
    path = f"/v1/fhir/Binary/{id}"
    back = lab.read("clinician", path, Accept="image/png")
    yield seen("Read it", back, kept=back.content == scan, verdict="The same bytes")
    ((length, place),) = lab.sql(PIECES, scan[:32], id)
    shown = f"{length} bytes; the scan's first 32 at {place} (0: nowhere)"
    yield Exchange("Its row", PIECES, shown, place == 0 and length > DOCUMENT_BYTES, "Sealed, in pieces")
    other = lab.read("care_coordinator", path, Accept="image/png")
    verdict = "Refused: what a document says may be anything"
    yield seen("A coordinator asks for it", other, kept=other.status_code == 403, verdict=verdict)
