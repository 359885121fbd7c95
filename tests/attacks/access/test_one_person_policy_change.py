"""One person who tries to change who may see what, over HTTP: by two sessions, with a colleague who is no more, by
replays and by what looks like ours."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from phivault.access.validate import MAX_BYTES, our_ids
from phivault.permissions.policies.state import MOST_OPEN
from tests.support.accounts import Account
from tests.support.answers import MARK, ok, refused
from tests.support.calls_two_people import POLICIES, Keepers
from tests.support.two_people import TEXT

if TYPE_CHECKING:
    import httpx

    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack


@pytest.fixture(scope="module")
def log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)


@pytest.fixture
def keepers(stack: RunningStack) -> Keepers:
    """In a tenant of this test's own."""
    return Keepers(stack, f"tenant-{secrets.token_hex(4)}")


def place(proposal: dict[str, Any]) -> str:
    return f"{POLICIES}/proposals/{proposal['id']}"


def version(keepers: Keepers) -> int:
    return int(ok(keepers.api("auditor").get(POLICIES))["version"])


def the_event(log: LockedLog, answer: httpx.Response) -> dict[str, Any]:
    (event,) = log.events(request_id=answer.headers["x-request-id"])
    return event


def test_a_second_session_is_no_second_person(keepers: Keepers, log: LockedLog) -> None:
    account = Account(keepers.stack, "tenant_admin", keepers.tenant)
    proposal = keepers.proposed(by=account.api())
    answer = account.api().post(f"{place(proposal)}/approve")
    refused(answer, 403)
    event = the_event(log, answer)
    assert (event["action"], event["success"], event["risk"]) == ("admin.policy-approve", False, "HIGH")
    assert version(keepers) == 0


def test_a_proposer_who_was_demoted_stands_for_nothing(keepers: Keepers) -> None:
    admin, proposer = keepers.api("tenant_admin"), keepers.another("tenant_admin")
    proposal = keepers.proposed(by=proposer)
    keepers.change_role(ok(proposer.get("/me"))["user_id"], "auditor")
    refused(admin.post(f"{place(proposal)}/approve"), 409)
    refused(proposer.post(f"{place(proposal)}/approve"), 401)
    assert version(keepers) == 0


def test_a_proposer_who_was_offboarded_stands_for_nothing(keepers: Keepers) -> None:
    admin, proposer = keepers.api("tenant_admin"), keepers.another("privacy_officer")
    proposal = keepers.proposed(by=proposer)
    ok(admin.delete(f"/admin/users/{ok(proposer.get('/me'))['user_id']}"))
    refused(admin.post(f"{place(proposal)}/approve"), 409)
    assert version(keepers) == 0
    assert admin.delete(place(proposal)).status_code == 204


def test_a_replayed_approval_changes_nothing(keepers: Keepers) -> None:
    proposal, officer = keepers.proposed(), keepers.api("security_officer")
    assert ok(officer.post(f"{place(proposal)}/approve")) == {"version": 1}
    for _ in range(2):
        refused(officer.post(f"{place(proposal)}/approve"), 404)
    assert version(keepers) == 1


def test_an_approval_of_what_another_version_overtook_changes_nothing(keepers: Keepers) -> None:
    admin = keepers.api("tenant_admin")
    stale = keepers.proposed(by=admin)
    keepers.hold(TEXT.replace("coordinators-read-clinical", "another"))
    refused(keepers.api("security_officer").post(f"{place(stale)}/approve"), 409)
    refused(admin.post(POLICIES, json={"text": TEXT, "base_version": 0}), 409)
    assert version(keepers) == 1


def test_another_tenants_proposal_and_versions_are_as_unknown_as_none(keepers: Keepers) -> None:
    keepers.hold(TEXT)
    proposal = keepers.proposed()
    elsewhere = Keepers(keepers.stack, keepers.stack.tenants[1])
    officer = elsewhere.api("security_officer")
    for id in (
        proposal["id"],
        f"T%23{keepers.tenant}%23POLICIES",
        "PROPOSAL%2300",
        "00000000-0000-4000-8000-000000000000",
    ):
        for answer in (
            officer.post(f"{POLICIES}/proposals/{id}/approve"),
            officer.delete(f"{POLICIES}/proposals/{id}"),
        ):
            assert answer.status_code in (400, 404), answer.text
    assert keepers.tenant not in officer.get(POLICIES).text
    assert [one["id"] for one in ok(keepers.api("auditor").get(POLICIES))["proposals"]] == [proposal["id"]]


def test_text_that_is_ours_too_large_or_about_administration_is_refused(keepers: Keepers) -> None:
    admin = keepers.api("tenant_admin")
    permit = 'permit (principal, action == Action::"read", resource);'
    texts = [
        f'@id("{sorted(our_ids())[0]}") {permit}',
        f'@id("administration-sees-no-phi") {permit}',
        f'@id("{MARK}") {permit}',
        permit,
        '@id("a") permit (principal, action, resource);',
        '@id("a") permit (principal, action == Action::"admin:policies-approve", resource);',
        '@id("a") permit (principal, action in Action::"application", resource);',
        f'@id("a") permit (principal == ?principal, action == Action::"read", resource); // {MARK}',
        "(" * 20_000,
        "x" * (MAX_BYTES + 1),
        f'@id("a") {permit} @id("a") {permit}',
    ]
    for text in texts:
        refused(admin.post(POLICIES, json={"text": text, "base_version": 0}), 400)
    refused(admin.post(POLICIES, content=b'{"text": "\\ud800", "base_version": 0}', headers=_JSON), 400)
    refused(admin.post(POLICIES, content=b'{"text": "a", "text": "b", "base_version": 0}', headers=_JSON), 400)
    refused(admin.post(POLICIES, json={"text": TEXT, "base_version": 0, "approved_by": MARK}), 400)
    refused(admin.post(POLICIES, json={"text": "x" * (1 << 21), "base_version": 0}), 413)
    assert ok(admin.get(POLICIES))["proposals"] == []


def test_no_policy_of_a_tenants_lifts_what_stands_above(keepers: Keepers) -> None:
    from tests.support.fhir import make, observation, patient

    clinician = keepers.api("clinician")
    weight = make(clinician, observation(make(clinician, patient())["id"]))["id"]
    keepers.hold('@id("everything-for-everyone") permit (principal, action in Action::"fhir", resource);')
    another = Account(keepers.stack, "patient", keepers.tenant, patient_id=str(uuid.uuid4())).api()
    staff = [keepers.api(role) for role in ("tenant_admin", "security_officer", "auditor", "researcher")]
    for client in (another, *staff):
        refused(client.get(f"/fhir/Observation/{weight}", headers={"X-Purpose-Of-Use": "OPERATIONS"}), 403)
    stranger = Account(keepers.stack, "clinician", keepers.stack.tenants[1]).api()
    assert stranger.get(f"/fhir/Observation/{weight}").status_code in (403, 404)


def test_proposals_are_bounded(keepers: Keepers) -> None:
    admin = keepers.api("tenant_admin")
    body = {"text": TEXT, "base_version": 0}
    for _ in range(MOST_OPEN):
        ok(admin.post(POLICIES, json=body), 202)
    refused(admin.post(POLICIES, json=body), 409)


_JSON = {"Content-Type": "application/json"}
