"""Over HTTP: a grant holds for every request after its approval, and not for one after its revocation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account
from tests.support.answers import ok, refused
from tests.support.calls_two_people import DAY, GRANTS, Keepers
from tests.support.fhir import make, observation, patient, resources

if TYPE_CHECKING:
    import httpx

    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack

DENIED = 403
READS = 8


@pytest.fixture(scope="module")
def log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)


@pytest.fixture(scope="module")
def keepers(stack: RunningStack) -> Keepers:
    return Keepers(stack, stack.tenants[0])


@pytest.fixture(scope="module")
def sick_one(stack: RunningStack) -> str:
    return str(make(stack.api("clinician"), patient())["id"])


@pytest.fixture(scope="module")
def weight(stack: RunningStack, sick_one: str) -> str:
    return f"/fhir/Observation/{make(stack.api('clinician'), observation(sick_one))['id']}"


def somebody(keepers: Keepers, role: str, **attributes: Any) -> tuple[httpx.Client, str]:
    client = Account(keepers.stack, role, keepers.tenant, **attributes).api()
    return client, ok(client.get("/me"))["user_id"]


def statuses(client: httpx.Client, place: str) -> set[int]:
    return {client.get(place).status_code for _ in range(READS)}


def test_access_holds_from_approval_to_revocation(keepers: Keepers, sick_one: str, weight: str, log: LockedLog) -> None:
    colleague, id = somebody(keepers, "clinician")
    place = keepers.granted(sick_one, approved=False, user_id=id)
    assert statuses(colleague, weight) == {DENIED}
    answer = keepers.api("privacy_officer").post(f"{place}/approve", json={"version": 1})
    assert ok(answer)["state"] == "active"
    assert statuses(colleague, weight) == {200}
    (event,) = log.events(request_id=answer.headers["x-request-id"])
    assert (event["action"], event["risk"], event["patient"]) == ("admin.grant-approve", "HIGH", sick_one)
    assert f"for:{id}" in event["flags"]
    wider = {"classes": ["clinical", "sensitive"], "purposes": ["TREATMENT"], "until": int(time.time()) + DAY}
    coordinator = keepers.api("care_coordinator")
    ok(coordinator.put(place, json=wider | {"base_version": 1}), 202)
    assert ok(coordinator.get(place))["waiting"]["version"] == 2
    assert keepers.api("tenant_admin").delete(place, params={"only": "waiting"}).status_code == 204
    assert statuses(colleague, weight) == {200}
    assert keepers.api("tenant_admin").delete(place).status_code == 204
    assert statuses(colleague, weight) == {DENIED}
    assert ok(coordinator.get(place))["state"] == "revoked"


def test_everything_is_what_a_grant_of_one_class_shows(
    keepers: Keepers, sick_one: str, weight: str, log: LockedLog
) -> None:
    colleague, id = somebody(keepers, "clinician")
    place = f"/fhir/Patient/{sick_one}/$everything"
    refused(colleague.get(place), DENIED)
    keepers.granted(sick_one, user_id=id, classes=["clinical"])
    answered = colleague.get(place)
    assert f"/fhir/Observation/{resources(ok(answered))[0]['id']}" == weight
    assert "subject" not in resources(answered.json())[0]
    (event,) = log.events(request_id=answered.headers["x-request-id"])
    assert (event["action"], event["patient"], event["classes"]) == ("fhir.everything", sick_one, ["clinical"])
    refused(colleague.get(f"/fhir/Patient/{sick_one}"), DENIED)


def test_a_delegate_sees_what_was_delegated(keepers: Keepers, sick_one: str, weight: str) -> None:
    own = str(make(keepers.stack.api("clinician"), patient())["id"])
    parent, id = somebody(keepers, "patient", patient_id=own)
    place = keepers.granted(
        sick_one, kind="delegate", relation="parent", user_id=id, purposes=None, classes=["clinical", "administrative"]
    )
    assert statuses(parent, weight) == {200}
    assert keepers.api("care_coordinator").delete(place).status_code == 204
    assert statuses(parent, weight) == {DENIED}


def test_a_list_shows_one_patients_grants(keepers: Keepers) -> None:
    someone = str(make(keepers.stack.api("clinician"), patient())["id"])
    places = {keepers.granted(someone, approved=False) for _ in range(3)}
    auditor = keepers.stack.api("auditor")
    found: list[str] = []
    page = ok(auditor.get(GRANTS, params={"patient": someone, "limit": "2"}))
    found += [f"{GRANTS}/{one['id']}" for one in page["grants"]]
    page = ok(auditor.get(GRANTS, params={"patient": someone, "limit": "2", "cursor": page["cursor"]}))
    found += [f"{GRANTS}/{one['id']}" for one in page["grants"]]
    assert (set(found), len(found), page["cursor"]) == (places, 3, None)
    refused(auditor.get(GRANTS, params={"tenant": "other"}), 400)
