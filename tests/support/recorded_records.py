"""Drive what FHIR's REST API does besides single reads and writes: ``tests.support.recorded_actions``."""

from __future__ import annotations

import base64
import os
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.support.answers import ok
from tests.support.fhir import JSON, make, observation, patch, patient, send

if TYPE_CHECKING:
    import httpx

    from tests.support.recording import Recording

SYSTEM = "urn:oid:1.2.36.146"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def drive_records(recording: Recording) -> None:
    """Each from an execution environment that knows no key yet, so that whatever it needs is called for."""
    clinician, value = recording.api("clinician"), secrets.token_hex(8)
    resource = patient(identifier=[{"system": SYSTEM, "value": value}])
    condition = {"If_None_Exist": urlencode({"identifier": f"{SYSTEM}|{value}"})}
    ok(send(clinician, "POST", "/fhir/Patient", resource, **condition), 201)
    new = str(make(clinician, patient())["id"])
    weight = f"/fhir/Observation/{make(clinician, observation(new))['id']}"
    recording.forget("records")
    ok(patch(clinician, weight, ("replace", "/status", "amended")))
    ok(recording.cold("records", clinician, f"{weight}/_history"))
    ok(recording.cold("records", clinician, f"/fhir/Patient/{new}/$everything"))
    recording.forget("records")
    form = urlencode({"name": resource["name"][0]["family"]})
    ok(clinician.post("/fhir/Patient/_search", content=form, headers=FORM))
    recording.forget("records")
    ok(send(clinician, "POST", "/fhir/Observation/$validate", observation(new)))
    recording.forget("records")
    entry = {"request": {"method": "GET", "url": weight.removeprefix("/fhir/")}}
    ok(send(clinician, "POST", "/fhir", {"resourceType": "Bundle", "type": "batch", "entry": [entry]}))
    hold_a_file(recording, clinician, new)


def hold_a_file(recording: Recording, clinician: httpx.Client, whose: str) -> None:
    """A Binary beyond one piece, in as bytes and out as bytes and as JSON."""
    raw = os.urandom(1 << 20)
    headers = {"Content-Type": "application/pdf", "X-Security-Context": f"Patient/{whose}"}
    made = clinician.post("/fhir/Binary", content=raw, headers=headers)
    assert made.status_code == 201, made.text
    place = "/fhir/Binary/" + made.headers["Location"].split("/Binary/")[1].split("/")[0]
    assert recording.cold("records", clinician, place, Accept="application/pdf").content == raw
    document = ok(recording.cold("records", clinician, place, Accept=JSON["Content-Type"]))
    assert base64.b64decode(document["data"]) == raw
