"""Step 3: a byte of an envelope is changed behind the product's back."""

from __future__ import annotations

from collections.abc import Iterator

from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen

CHANGE = "update phi.resources set envelope = set_byte(envelope, %s, get_byte(envelope, %s) # 1) where id = %s"


def play(lab: Lab) -> Iterator[Exchange]:
    id = lab.tenant.patients[0]
    path = f"/v1/fhir/Patient/{id}"
    ((length,),) = lab.sql("select octet_length(envelope) from phi.resources where id = %s", id)
    place = length // 2  # within an element that the clinician sees: the de-identified forms come last
    lab.sql(CHANGE, place, place, id)
    yield Exchange("One bit flipped, as superuser", CHANGE, f"byte {place} of {length}", True, "The database allows it")
    try:
        altered = lab.read("clinician", path)
    finally:
        lab.sql(CHANGE, place, place, id)
    refused = altered.status_code == 500 and "birthDate" not in altered.text
    yield seen("Read it", altered, kept=refused, verdict="Refused: the seal is broken, nothing is released")
    healed = lab.read("clinician", path)
    yield seen("The bit flipped back", healed, kept=healed.status_code == 200, verdict="It opens again")
