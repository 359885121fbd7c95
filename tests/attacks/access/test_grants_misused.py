"""Attacks on grants, over HTTP: for oneself, by one person, by bait and switch, across tenants, past their end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account
from tests.support.answers import ok, refused
from tests.support.calls_two_people import DAY, GRANTS, Keepers
from tests.support.fhir import make, observation, patient

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

DENIED = 403


@pytest.fixture(scope="module")
def keepers(stack: RunningStack) -> Keepers:
    return Keepers(stack, stack.tenants[0])


@pytest.fixture(scope="module")
def sick_one(stack: RunningStack) -> str:
    return str(make(stack.api("clinician"), patient())["id"])


@pytest.fixture(scope="module")
def weight(stack: RunningStack, sick_one: str) -> str:
    return f"/fhir/Observation/{make(stack.api('clinician'), observation(sick_one))['id']}"


def signed_in(keepers: Keepers, role: str) -> tuple[Account, httpx.Client, str]:
    account = Account(keepers.stack, role, keepers.tenant)
    client = account.api()
    return account, client, ok(client.get("/me"))["user_id"]


def approve(client: httpx.Client, place: str, version: int = 1) -> httpx.Response:
    return client.post(f"{place}/approve", json={"version": version})


def terms(**more: Any) -> dict[str, Any]:
    return {"classes": ["clinical"], "purposes": ["TREATMENT"], "until": int(time.time()) + DAY, **more}


def test_a_second_session_is_no_second_person(keepers: Keepers, sick_one: str, weight: str) -> None:
    account, client, _ = signed_in(keepers, "privacy_officer")
    _, colleague, id = signed_in(keepers, "clinician")
    made = client.post(GRANTS, json=keepers.asked(sick_one, user_id=id))
    place = f"{GRANTS}/{ok(made, 202)['id']}"
    refused(approve(account.api(), place), 403)
    assert colleague.get(weight).status_code == DENIED


def test_nobody_gives_themself_anything(keepers: Keepers, sick_one: str) -> None:
    _, officer, id = signed_in(keepers, "privacy_officer")
    refused(officer.post(GRANTS, json=keepers.asked(sick_one, user_id=id)), 403)
    place = keepers.granted(sick_one, approved=False, user_id=id)
    refused(approve(officer, place), 403)
    ok(approve(keepers.api("security_officer"), place))
    refused(officer.put(place, json=terms(base_version=1)), 403)
    refused(officer.post(f"{place}/rollback", json={"version": 1}), 403)


def test_what_was_put_in_place_of_what_was_looked_at_is_not_approved(
    keepers: Keepers, sick_one: str, weight: str
) -> None:
    _, colleague, id = signed_in(keepers, "clinician")
    place = keepers.granted(sick_one, user_id=id, classes=["administrative"])
    attacker, officer = keepers.api("care_coordinator"), keepers.api("privacy_officer")
    harmless = ok(attacker.put(place, json=terms(base_version=1, classes=["contact"])), 202)
    assert attacker.delete(place, params={"only": "waiting"}).status_code == 204
    ok(attacker.put(place, json=terms(base_version=1, classes=["clinical", "sensitive"])), 202)
    refused(approve(officer, place, harmless["waiting"]["version"]), 409)
    assert "valueQuantity" not in colleague.get(weight).text


def test_a_proposer_who_was_demoted_or_offboarded_stands_for_nothing(keepers: Keepers, sick_one: str) -> None:
    admin, officer = keepers.api("tenant_admin"), keepers.api("security_officer")
    for end in ("demoted", "offboarded"):
        _, proposer, proposer_id = signed_in(keepers, "care_coordinator")
        made = proposer.post(GRANTS, json=keepers.asked(sick_one))
        place = f"{GRANTS}/{ok(made, 202)['id']}"
        if end == "demoted":
            keepers.change_role(proposer_id, "clinician")
        else:
            ok(admin.delete(f"/admin/users/{proposer_id}"))
        refused(approve(officer, place), 409)


def test_a_grantee_who_was_offboarded_is_given_nothing(keepers: Keepers, sick_one: str) -> None:
    _, _, id = signed_in(keepers, "clinician")
    place = keepers.granted(sick_one, approved=False, user_id=id)
    ok(keepers.api("tenant_admin").delete(f"/admin/users/{id}"))
    refused(approve(keepers.api("privacy_officer"), place), 404)


def test_another_tenants_grant_user_and_patient_are_as_unknown_as_none(keepers: Keepers, sick_one: str) -> None:
    place = keepers.granted(sick_one, approved=False)
    elsewhere = Keepers(keepers.stack, keepers.stack.tenants[1])
    officer = elsewhere.api("privacy_officer")
    for answer in (
        officer.get(place),
        approve(officer, place),
        officer.delete(place),
        officer.put(place, json=terms(base_version=0)),
        officer.post(f"{place}/rollback", json={"version": 1}),
        elsewhere.api("care_coordinator").post(GRANTS, json=elsewhere.asked(sick_one)),
        keepers.api("care_coordinator").post(
            GRANTS, json=keepers.asked(sick_one, user_id=ok(elsewhere.api("clinician").get("/me"))["user_id"])
        ),
    ):
        refused(answer, 404)
    assert ok(officer.get(GRANTS, params={"patient": sick_one}))["grants"] == []


def test_a_replay_brings_back_nothing(keepers: Keepers, sick_one: str, weight: str) -> None:
    _, colleague, id = signed_in(keepers, "clinician")
    place = keepers.granted(sick_one, user_id=id)
    officer, coordinator = keepers.api("privacy_officer"), keepers.api("care_coordinator")
    refused(approve(officer, place), 409)
    assert officer.delete(place).status_code == 204
    for answer in (
        approve(officer, place),
        officer.delete(place),
        coordinator.put(place, json=terms(base_version=1)),
        coordinator.post(f"{place}/rollback", json={"version": 1}),
    ):
        refused(answer, 409)
    assert colleague.get(weight).status_code == DENIED


def test_roles_that_see_no_phi_are_given_none(keepers: Keepers, sick_one: str) -> None:
    coordinator = keepers.api("care_coordinator")
    for role in ("tenant_admin", "security_officer", "auditor", "researcher", "patient"):
        id = ok(keepers.stack.api(role).get("/me"))["user_id"]
        refused(coordinator.post(GRANTS, json=keepers.asked(sick_one, user_id=id)), 422)


def test_a_grantee_who_becomes_an_administrator_sees_nothing_by_it(
    keepers: Keepers, sick_one: str, weight: str
) -> None:
    account, colleague, id = signed_in(keepers, "clinician")
    keepers.granted(sick_one, user_id=id)
    assert colleague.get(weight).status_code == 200
    keepers.change_role(id, "auditor")
    assert colleague.get(weight).status_code == 401
    refused(account.api().get(weight, headers={"X-Purpose-Of-Use": "TREATMENT"}), DENIED)
