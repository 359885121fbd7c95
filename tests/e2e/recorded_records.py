"""The records part as the exported audit log has it: what was asked of FHIR, what became of keys, and about whom."""

from __future__ import annotations

from collections.abc import Sequence

from tests.e2e.journal import Journal, expect
from tests.e2e.recorded import Event, complete
from tests.e2e.records import Records

# Action, error ("" for a success), risk.
EXPECTED = (
    ("fhir.batch", "", "LOW"),
    ("fhir.search", "", "MEDIUM"),
    ("fhir.search", "unsupported-parameter", "LOW"),
    ("fhir.update", "", "LOW"),  # the patch
    ("fhir.update", "precondition-failed", "LOW"),
    ("fhir.update", "invalid", "LOW"),
    ("fhir.history", "", "LOW"),
    ("fhir.everything", "", "MEDIUM"),
    ("fhir.validate", "", "LOW"),
    ("fhir.read", "integrity", "CRITICAL"),  # of the row that was put back
    ("fhir.search", "integrity", "CRITICAL"),
    ("key.rotate", "", "MEDIUM"),
    ("key.reseal", "", "MEDIUM"),
    ("key.retire", "", "HIGH"),
)
ON_KEYS = ("key.rotate", "key.reseal", "key.retire")


def check(journal: Journal, events: Sequence[Event], records: Records) -> None:
    with journal.check(f"the records part is in it: {len(EXPECTED)} kinds of attempts, each at its risk"):
        complete({(event["action"], event["error"], event["risk"]) for event in events}, EXPECTED)
    with journal.check("the key's rotation stands there step by step, by the operator, about the patient"):
        about = [event for event in events if event["action"] in ON_KEYS]
        told = [(event["action"], event["patient"]) for event in sorted(about, key=lambda one: str(one["timestamp"]))]
        expect(told == [(action, records.patient_id) for action in ON_KEYS], f"{told}")
        expect(all(event["user_id"] for event in about), "an operator isn't named")
    with journal.check("it holds nothing of what was searched for"):
        held = [event["action"] for event in events if any(value in str(event) for value in records.personal())]
        expect(not held, f"it does: {sorted(set(held))}")
