"""The access part as the exported audit log has it: every action, how it ended, at which risk, and between whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tests.e2e.emergency import NOTE, VERDICT
from tests.e2e.journal import Journal, expect
from tests.e2e.permitted import PROJECT
from tests.e2e.recorded import Event, complete

if TYPE_CHECKING:
    from tests.e2e.access import Access

# Action, error ("" for a success), risk.
EXPECTED = (
    ("admin.grant-list", "", "LOW"),
    ("admin.grant-propose", "", "MEDIUM"),
    ("admin.grant-propose", "denied", "HIGH"),
    ("admin.grant-approve", "", "HIGH"),
    ("admin.grant-approve", "denied", "HIGH"),
    ("admin.grant-approve", "conflict", "MEDIUM"),
    ("admin.grant-revoke", "", "HIGH"),
    ("admin.grant-revoke", "conflict", "MEDIUM"),
    ("admin.policy-list", "", "LOW"),
    ("admin.policy-propose", "", "MEDIUM"),
    ("admin.policy-propose", "denied", "HIGH"),
    ("admin.policy-propose", "invalid", "MEDIUM"),
    ("admin.policy-propose", "conflict", "MEDIUM"),
    ("admin.policy-approve", "", "HIGH"),
    ("admin.policy-approve", "denied", "HIGH"),
    ("admin.policy-explain", "", "LOW"),
    ("restriction.set", "", "HIGH"),
    ("restriction.set", "denied", "HIGH"),
    ("restriction.lift", "", "HIGH"),
    ("restriction.lift", "not-found", "MEDIUM"),
    ("break-glass.open", "", "CRITICAL"),
    ("break-glass.open", "conflict", "HIGH"),
    ("break-glass.open", "denied", "HIGH"),
    ("break-glass.list", "", "LOW"),
    ("break-glass.read", "", "MEDIUM"),  # a note was released, which is of the sensitive class
    ("break-glass.end", "", "MEDIUM"),
    ("break-glass.review", "", "CRITICAL"),  # unjustified
    ("break-glass.review", "", "HIGH"),
    ("break-glass.review", "conflict", "MEDIUM"),
    ("break-glass.review", "denied", "HIGH"),
    ("break-glass.overdue", "", "CRITICAL"),
    ("fhir.read", "", "HIGH"),  # in the emergency
    ("fhir.read", "denied", "HIGH"),
    ("fhir.create", "denied", "HIGH"),
    ("fhir.create", "unprocessable", "LOW"),
)
APPROVALS = ("admin.grant-approve", "admin.policy-approve")


def check(journal: Journal, events: Sequence[Event], access: Access) -> None:
    with journal.check(f"the access part is in it: {len(EXPECTED)} kinds of attempts, each at its risk"):
        complete({(event["action"], event["error"], event["risk"]) for event in events}, EXPECTED)
    with journal.check("each grant that came to hold names two people, and whom it is for"):
        _two_people(events, access)
    with journal.check("what was read in the emergency stands between its opening and its end, as EMERGENCY"):
        _emergency(events, access)
    with journal.check("what the researcher read names the project and the real patient, and no PHI as released"):
        _research(events, access)
    with journal.check("no note of an emergency is in it"):
        expect(not any(note in str(event) for event in events for note in (NOTE, VERDICT)), "one is")


def _two_people(events: Sequence[Event], access: Access) -> None:
    held = [event for event in events if event["action"] in APPROVALS and not event["error"]]
    grants = [event for event in held if event["action"] == APPROVALS[0]]
    for event in grants:
        (by,) = _told(event, "by:")
        expect(by == access.people["privacy"].id != event["user_id"], "an approval names one person")
    whom = [name for event in grants for name in _told(event, "for:")]
    expect(whom == [access.people["coordinator"].id, access.people["study"].id], f"{len(whom)} grants")
    expect({event["user_id"] for event in held} == {access.people["security"].id}, "somebody else approved")


def _emergency(events: Sequence[Event], access: Access) -> None:
    stranger = access.people["stranger"].id
    own = [event for event in events if event["user_id"] == stranger and event["purpose"] == "EMERGENCY"]
    # The log orders what one function wrote; between two of them the clock tells.
    timed = sorted(own, key=lambda event: str(event["timestamp"]))
    done = [(event["action"], event["patient"]) for event in timed if not event["error"]]
    expect(done[0] == ("break-glass.open", access.patient_id), f"{done[:1]}")
    expect(len(done) >= 3 and set(done[1:]) == {("fhir.read", access.patient_id)}, f"{done}")
    expect(all(event["risk"] in ("HIGH", "CRITICAL") for event in own), "one is of a low risk")
    (overdue,) = [event for event in events if event["action"] == "break-glass.overdue"]
    expect([access.people["coordinator"].id] == list(_told(overdue, "for:")), "it is about somebody else")


def _research(events: Sequence[Event], access: Access) -> None:
    mine = [event for event in events if event["user_id"] == access.people["study"].id]
    read = [one for one in mine if one["action"] in ("fhir.read", "fhir.search") and one["classes"]]
    expect(read and all(one["classes"] == ["deidentified"] for one in read), f"{len(read)} releases")
    expect(all(f"project:{PROJECT}" in one["flags"] for one in read), "a release names no project")
    expect({one["patient"] for one in read} == {access.patient_id}, "a release is of another patient's")


def _told(event: Event, prefix: str) -> Iterator[str]:
    return (flag.removeprefix(prefix) for flag in event["flags"] if flag.startswith(prefix))
