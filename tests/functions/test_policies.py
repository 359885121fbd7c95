"""Over HTTP: a change of the tenant's own policies holds for every request after its answer, in every process."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from phivault.permissions.policies.state import sha256
from tests.support.accounts import Account
from tests.support.answers import ok, refused
from tests.support.calls_two_people import POLICIES, Keepers
from tests.support.fhir import make, observation, patient

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

OPENED = """
@id("officers-read-observations")
permit (principal in Role::"privacy_officer", action == Action::"read", resource is PatientData)
when {
  context.purpose == Purpose::"OPERATIONS" &&
  resource.type == "Observation" && resource.class == DataClass::"clinical"
};
"""
CLOSED = """
@id("no-observations-for-clinicians")
forbid (principal in Role::"clinician", action == Action::"read", resource is PatientData)
when { resource.type == "Observation" };
"""
DENIED = 403
READS = 12  # by several at once, so that both processes of the records function answer


@pytest.fixture(scope="module")
def keepers(stack: RunningStack) -> Keepers:
    """In a tenant of its own."""
    return Keepers(stack, f"tenant-{secrets.token_hex(4)}")


@pytest.fixture(scope="module")
def clinician(stack: RunningStack, keepers: Keepers) -> httpx.Client:
    return Account(stack, "clinician", keepers.tenant).api()


@pytest.fixture(scope="module")
def weight(clinician: httpx.Client) -> str:
    return f"/fhir/Observation/{make(clinician, observation(make(clinician, patient())['id']))['id']}"


@pytest.fixture(scope="module")
def reader(stack: RunningStack, keepers: Keepers) -> httpx.Client:
    return Account(stack, "privacy_officer", keepers.tenant).api(**{"X-Purpose-Of-Use": "OPERATIONS"})


def statuses(client: httpx.Client, place: str) -> set[int]:
    return {answer.status_code for answer in reads(client, place)}


def values(client: httpx.Client, place: str) -> set[bool]:
    """Whether the clinical part came, of an observation of which everybody here sees something."""
    return {"valueQuantity" in ok(answer) for answer in reads(client, place)}


def reads(client: httpx.Client, place: str) -> list[httpx.Response]:
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(lambda _: client.get(place), range(READS)))


def test_every_read_after_an_approval_is_decided_by_it(
    keepers: Keepers, clinician: httpx.Client, reader: httpx.Client, weight: str
) -> None:
    assert values(reader, weight) == {False}
    assert statuses(clinician, weight) == {200}
    opened = keepers.hold(OPENED)
    assert values(reader, weight) == {True}
    assert keepers.hold(CLOSED) == opened + 1
    assert values(reader, weight) == {False}
    assert statuses(clinician, weight) == {DENIED}
    back = ok(keepers.api("privacy_officer").post(f"{POLICIES}/rollback", json={"version": opened}), 202)
    assert values(reader, weight) == {False}
    approver = keepers.api("security_officer")
    assert ok(approver.post(f"{POLICIES}/proposals/{back['id']}/approve")) == {"version": opened + 2}
    assert (values(reader, weight), statuses(clinician, weight)) == ({True}, {200})


def test_no_read_that_began_after_the_answer_is_served_an_old_decision(
    keepers: Keepers, clinician: httpx.Client, weight: str
) -> None:
    """Readers never stop while policies open and close; each notes what held when its read began."""
    keepers.hold(OPENED)
    assert statuses(clinician, weight) == {200}
    stop, stands, wrong, done = threading.Event(), threading.Lock(), [], [0]
    state = {"answered": 0, "begun": 0}  # how many changes were answered, and begun

    def read() -> None:
        while not stop.is_set():
            with stands:
                before = state["answered"]
            status = clinician.get(weight).status_code
            with stands:
                begun = state["begun"]
                done[0] += 1
            # What may have held: every state from the one that was answered before to the last that had begun after.
            allowed = {DENIED if number % 2 else 200 for number in range(before, begun + 1)}
            if status not in allowed:
                wrong.append((before, begun, status))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for one in readers:
        one.start()
    try:
        for number in range(4):
            proposal = keepers.proposed(CLOSED if number % 2 == 0 else OPENED)
            approver = keepers.api("security_officer")
            with stands:
                state["begun"] += 1
            ok(approver.post(f"{POLICIES}/proposals/{proposal['id']}/approve"))
            with stands:
                state["answered"] += 1
            assert statuses(clinician, weight) == ({DENIED} if number % 2 == 0 else {200})
    finally:
        stop.set()
        for one in readers:
            one.join()
    assert not wrong
    assert done[0] > 20


def test_the_record_of_a_change_stands_before_its_answer(
    stack: RunningStack, keepers: Keepers, events_of: Callable[..., list[dict[str, Any]]]
) -> None:
    from tests.support.locked_log import LockedLog

    proposal = keepers.proposed(OPENED)
    approved = keepers.api("security_officer").post(f"{POLICIES}/proposals/{proposal['id']}/approve")
    (event,) = LockedLog(stack).events(request_id=approved.headers["x-request-id"])
    assert (event["action"], event["risk"], event["envelope"]) == ("admin.policy-approve", "HIGH", sha256(OPENED))
    assert (event["resource_id"], event["version"]) == (proposal["id"], ok(approved)["version"])
    assert f"by:{proposal['proposed_by']}" in event["flags"]


def test_what_is_shown_is_what_was_proposed_and_approved(keepers: Keepers) -> None:
    version = keepers.hold(OPENED)
    waiting = keepers.proposed(CLOSED)
    auditor = keepers.api("auditor")
    shown = ok(auditor.get(POLICIES))
    assert (shown["version"], shown["text"], shown["ids"]) == (version, OPENED, ["officers-read-observations"])
    assert [one["version"] for one in shown["history"]] == list(range(version, 0, -1))
    assert [one["id"] for one in shown["proposals"]] == [waiting["id"]]
    assert shown["proposals"][0]["text"] == CLOSED
    one = ok(auditor.get(f"{POLICIES}/versions/{version}"))
    assert (one["text"], one["sha256"]) == (OPENED, sha256(OPENED))
    assert keepers.api("security_officer").delete(f"{POLICIES}/proposals/{waiting['id']}").status_code == 204
    refused(auditor.post(POLICIES, json={"text": OPENED, "base_version": version}), 403)
    refused(auditor.get(f"{POLICIES}/versions/{version + 1}"), 404)
