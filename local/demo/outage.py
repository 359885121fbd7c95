"""Step 4: the audit bucket is gone; nothing is released until it is back."""

from __future__ import annotations

from collections.abc import Iterator

from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen


def play(lab: Lab) -> Iterator[Exchange]:
    path = f"/v1/fhir/Patient/{lab.tenant.patients[0]}"
    lab.token("clinician")
    lab.stack.aws.stop_s3()
    try:
        down = lab.read("clinician", path)
    finally:
        lab.stack.aws.start_s3()
    refused = down.status_code == 503 and "Retry-After" in down.headers and "birthDate" not in down.text
    yield seen("Read with S3 stopped", down, kept=refused, verdict="503: no record, no release")
    up = lab.read("clinician", path)
    yield seen("Read with S3 started", up, kept=up.status_code == 200, verdict="It healed by itself")
