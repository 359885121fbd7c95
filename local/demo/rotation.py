"""Step 16: a patient gets a new key, by the command that operators use, while everything of theirs can be read."""

from __future__ import annotations

from collections.abc import Iterator

from local.bundles import patient_in
from local.demo.desk import Desk
from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen
from phivault.crypto.envelope import read_header

ROWS = (
    "select type, id, version, envelope from (select tenant_id, subject, type, id, version, envelope from phi.resources"
    " union all select tenant_id, subject, type, id, version, envelope from phi.history) as v"
    " where tenant_id = %s and subject = %s"
)

type Row = tuple[str, str, int]
"""Type, id and version."""


def play(lab: Lab) -> Iterator[Exchange]:
    imported, _ = lab.new_patient()
    patient = patient_in(imported.raise_for_status().json())
    subject, everything = f"Patient/{patient}", f"/v1/fhir/Patient/{patient}/$everything?_count=100"
    earlier = f"/v1/fhir/{subject}/_history/1"
    lab.patch("clinician", f"/v1/fhir/{subject}", [{"op": "add", "path": "/active", "value": True}]).raise_for_status()
    before, read, first = _envelopes(lab, subject), lab.read("clinician", everything), lab.read("clinician", earlier)
    named = ("--tenant", lab.tenant_id, "--subject", subject)
    with Desk.at(lab) as desk:
        done = desk.phivault("keys", "rotate", *named, "--no-wait")
        made = done.status == 0 and done.output.startswith(f"1 new keys, 0 begun before; {len(before)} versions")
        yield done.exchange("A new key", kept=made, verdict="Made, and all that was under the old one sealed again")
        after = _envelopes(lab, subject)
        yield _compared(before, after)
        again = lab.read("clinician", everything)
        same = again.status_code == 200 and again.json().get("entry") == read.json().get("entry") != []
        yield seen("Read all of it", again, kept=same, verdict="As before, and nothing stood still")
        old = lab.read("clinician", earlier)
        same = old.status_code == 200 and old.text == first.text
        yield seen("Read an earlier version", old, kept=same, verdict="To the byte")
        yield _recorded(lab, subject)
        ended = desk.phivault("keys", "retire", *named)
        waits = ended.status == 0 and ended.output.startswith("0 old keys retired, 0 destroyed")
        verdict = "Not yet: functions may seal under it for minutes, backups need it for 35 days"
        yield ended.exchange("End the old key", kept=waits, verdict=verdict)


def _envelopes(lab: Lab, subject: str) -> dict[Row, bytes]:
    """Of every version of what belongs to the subject."""
    rows = lab.sql(ROWS, lab.tenant_id, subject)
    return {(type, id, version): bytes(envelope) for type, id, version, envelope in rows}


def _compared(before: dict[Row, bytes], after: dict[Row, bytes]) -> Exchange:
    versions = [sorted({read_header(one).key_version for one in rows.values()}) for rows in (before, after)]
    changed = sum(before[row] != after.get(row) for row in before)
    kept = versions == [[1], [2]] and before.keys() == after.keys() and changed == len(before) > 0
    shown = f"{len(before)} versions of resources under key {versions[0]}\n{len(after)} under key {versions[1]}"
    shown += f"\n{changed} envelopes with other bytes"
    return Exchange("The rows, as the superuser sees them", ROWS, shown, kept, "Every version, the history too")


def _recorded(lab: Lab, subject: str) -> Exchange:
    of_patient = lab.events(patient=subject.partition("/")[2], limit="200")
    found = [one for one in of_patient if one["action"] in ("key.rotate", "key.reseal")]
    shown = "\n".join(f"{one['timestamp']} {one['action']} {one['risk']}" for one in found)
    kept = {one["action"] for one in found} == {"key.rotate", "key.reseal"}
    return Exchange("What the log says", "GET /v1/audit/events?patient=…", shown, kept, "Both, before they were done")
