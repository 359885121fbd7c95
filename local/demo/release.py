"""Step 2: import a bundle, read it in three roles, look at what lies in PostgreSQL and S3."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from local.bundles import patient_in
from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen, shorten


def play(lab: Lab) -> Iterator[Exchange]:
    imported, patient = lab.new_patient()
    kept = imported.status_code == 200
    verdict = "All resources, or none" if kept else "The import failed"
    yield seen("Import a generated patient", imported, kept=kept, verdict=verdict)
    id = patient_in(imported.json())
    yield from _reads(lab, f"/v1/fhir/Patient/{id}", patient)
    yield _row(lab, id, patient)
    yield _object(lab, id, patient)


def _reads(lab: Lab, path: str, patient: dict[str, Any]) -> Iterator[Exchange]:
    whole = lab.read("clinician", path)
    same = whole.status_code == 200 and all(whole.json().get(n) == patient[n] for n in ("name", "birthDate", "gender"))
    yield seen("Read as clinician", whole, kept=same, verdict="Every element, as it was imported")
    yield from _as_researcher(lab, path, patient)
    none = lab.read("tenant_admin", path, X_Purpose_Of_Use="OPERATIONS")
    yield seen("Read as tenant administrator", none, kept=none.status_code == 403, verdict="No PHI for administrators")


def _as_researcher(lab: Lab, path: str, patient: dict[str, Any]) -> Iterator[Exchange]:
    found = lab.read("researcher", "/v1/fhir/Patient?_count=1", X_Purpose_Of_Use="RESEARCH")
    entries = found.json().get("entry", []) if found.status_code == 200 else []
    thin = not any({"name", "identifier", "telecom"} & entry["resource"].keys() for entry in entries)
    kept = bool(entries) and thin and not any(value in found.text for value in personal_values(patient))
    yield seen("Search as researcher", found, kept=kept, verdict="De-identified forms, under the project's pseudonyms")
    known = lab.read("researcher", path, X_Purpose_Of_Use="RESEARCH")
    yield seen("With the id from elsewhere", known, kept=known.status_code == 404, verdict="It leads nowhere")


def _row(lab: Lab, id: str, patient: dict[str, Any]) -> Exchange:
    statement = "select tenant_id, type, id, version, envelope from phi.resources where type = 'Patient' and id = %s"
    ((tenant, type, id, version, envelope),) = lab.sql(statement, id)
    raw = bytes(envelope)
    sealed = not any(value.encode() in raw for value in personal_values(patient))
    shown = f"{tenant} | {type} | {id} | {version} | {len(raw)} bytes\n{shorten(_printable(raw))}"
    return Exchange("The row, as the superuser sees it", statement, shown, sealed, "None of the imported values")


def _object(lab: Lab, id: str, patient: dict[str, Any]) -> Exchange:
    key = release_object(lab, id)
    stored = lab.s3.get_object(Bucket=lab.stack.resources.audit_bucket, Key=key)
    line, mode, until = stored["Body"].read().decode(), stored["ObjectLockMode"], stored["ObjectLockRetainUntilDate"]
    kept = id in line and mode == "COMPLIANCE" and not any(value in line for value in personal_values(patient))
    shown = f"{shorten(line)}\nlocked: {mode} until {until:%Y-%m-%d}"
    return Exchange(
        "The record of the release in S3", f"GET s3://…/{key}", shown, kept, "Locked before the answer left"
    )


def release_object(lab: Lab, patient: str) -> str:
    """The key of the object that holds the newest release of a patient, as the auditor finds it."""
    deadline = time.monotonic() + 10
    while True:
        found = lab.read("auditor", f"/v1/audit/events?patient={patient}&action=fhir.read")
        released = [event for event in found.json().get("events", []) if event["success"]]
        if released:
            return str(released[0]["object"])
        if time.monotonic() > deadline:
            raise RuntimeError(f"The audit index names no release: {found.text}")
        time.sleep(0.2)


def personal_values(patient: dict[str, Any]) -> list[str]:
    """What must not appear: the generated name, birth date and identifiers."""
    name = patient["name"][0]
    identifiers = [identifier["value"] for identifier in patient.get("identifier", [])]
    return [name["family"], *name["given"], patient["birthDate"], *identifiers]


def _printable(raw: bytes) -> str:
    return json.dumps(raw.decode("latin-1"), ensure_ascii=True)[1:-1]
