"""Step 7: the keys of a person are destroyed; what they sealed is gone, and the log is as valid as before."""

from __future__ import annotations

import json
from collections.abc import Iterator

import zstandard

from local.bundles import patient_in
from local.demo.desk import KEYS, Desk, Ran
from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen

TOKENS = "select count(*) from phi.search_tokens where tenant_id = %s and patient = %s"
OPENED = "personal.ndjson.zst"


def play(lab: Lab) -> Iterator[Exchange]:
    imported, _ = lab.new_patient()
    patient = patient_in(imported.raise_for_status().json())
    _, token = lab.seeder.user(lab.tenant_id, "patient", patient, name=f"patient-{patient[:8]}")
    own = {"Authorization": f"Bearer {token}"}
    account = lab.http.get("/v1/me", headers=own).raise_for_status().json()["user_id"]
    path = f"/v1/fhir/Patient/{patient}"
    whole = lab.http.get(path, headers=own)
    kept = whole.status_code == 200 and "birthDate" in whole.json()
    yield seen("A new patient signs in and reads the own record", whole, kept=kept, verdict="Released and recorded")
    indexed = _tokens(lab, patient)
    with Desk.at(lab) as desk:
        yield from _destroyed(desk, f"Patient/{patient}", f"User/{account}")
        left = _tokens(lab, patient)
        shown, verdict = f"{indexed} before, {left} now", "The index knows nothing of the patient"
        kept = indexed > 0 and left == 0
        yield Exchange("Their search tokens, as superuser", TOKENS, shown, kept, verdict if kept else "Some are left")
        lab.stack.renew("records")
        gone = lab.read("clinician", path)
        refused = gone.status_code == 410 and "birthDate" not in gone.text
        yield seen("Read it, in new execution environments", gone, kept=refused, verdict="410: gone for everybody")
        exported = desk.phivault("audit", "export", "export", "--open", OPENED)
        yield _opened(desk, exported, patient, account)
        checked = desk.phivault("audit", "verify", "export", *KEYS)
        valid = checked.status == 0
        verdict = "Valid all the same" if valid else "Not valid"
        yield checked.exchange("Check that export", kept=valid, verdict=verdict)


def _destroyed(desk: Desk, patient: str, account: str) -> Iterator[Exchange]:
    tenant = desk.lab.tenant_id
    done = desk.phivault("keys", "destroy", "--tenant", tenant, "--subject", patient, "--yes")
    kept, seconds = done.status == 0, "Recorded, done; functions may hold it in memory for 300 s"
    yield done.exchange("Destroy the patient's key", kept=kept, verdict=seconds if kept else "It failed")
    done = desk.phivault("keys", "destroy", "--tenant", tenant, "--subject", account, "--yes")
    kept, own = done.status == 0, "Recorded, done: staff's keys it refuses"
    yield done.exchange("Destroy the key of the patient's account", kept=kept, verdict=own if kept else "It failed")


def _tokens(lab: Lab, patient: str) -> int:
    """Of all that is about the patient, whoever owns it."""
    ((found,),) = lab.sql(TOKENS, lab.tenant_id, patient)
    return int(found)


def _opened(desk: Desk, exported: Ran, patient: str, account: str) -> Exchange:
    """What the log's personal fields say to those who may see them, of this patient and of the one who wrote the
    record."""
    with (desk.folder / OPENED).open("rb") as file:
        text = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    found = {line["id"]: line for line in map(json.loads, text.splitlines())}
    erased = [found.get(event["id"], {}) for event in desk.lab.events(user=account) if event["personal"]]
    others = [found.get(e["id"], {}) for e in desk.lab.events(patient=patient) if e["role"] == "clinician"]
    kept = bool(erased and others) and all(line == {"erased": True, "id": line.get("id")} for line in erased)
    kept = kept and all("user_email" in line for line in others)
    shown = "\n".join(
        ["of the patient", *map(json.dumps, erased[:3]), "of the clinician", *map(json.dumps, others[:2])]
    )
    verdict = "The patient's address is erased, the clinician's opens" if kept else "Not erased, or too much"
    return Exchange("The log's personal fields, opened", exported.command, shown, kept, verdict)
