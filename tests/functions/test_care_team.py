"""Care teams over HTTP: what a change does to the next request, and what it leaves in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.fhir import make, observation, patient, resources, send

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

type Look = Callable[[httpx.Response], list[dict[str, Any]]]


@pytest.fixture
def doctor(stack: RunningStack) -> httpx.Client:
    """A clinician who signed in a moment ago."""
    return Account(stack, "clinician", stack.tenants[0]).api()


@pytest.fixture
def colleague(stack: RunningStack) -> httpx.Client:
    return Account(stack, "clinician", stack.tenants[0]).api()


def me(client: httpx.Client) -> str:
    return str(ok(client.get("/me"))["user_id"])


def test_a_membership_won_or_lost_holds_for_the_next_request(
    doctor: httpx.Client, colleague: httpx.Client, events_of: Look
) -> None:
    sick = make(doctor, patient())["id"]
    weight = f"/fhir/Observation/{make(doctor, observation(sick))['id']}"
    place = f"/patients/{sick}/care-team/{me(colleague)}"
    assert colleague.get(weight).status_code == 403
    assert colleague.get(f"/patients/{sick}/care-team").status_code == 404
    joined = doctor.put(place, json={"sensitive": False})
    assert ok(joined)["by"] == me(doctor)
    assert ok(colleague.get(weight))["valueQuantity"]["value"] == 71
    assert "text" not in ok(colleague.get(f"/fhir/Patient/{sick}"))  # the narrative is sensitive
    ok(doctor.put(place, json={"sensitive": True}))
    assert "text" in ok(colleague.get(f"/fhir/Patient/{sick}"))
    shown = ok(colleague.get(f"/patients/{sick}/care-team"))["members"]
    assert {member["user_id"]: member["sensitive"] for member in shown} == {me(doctor): True, me(colleague): True}
    left = doctor.delete(place)
    assert left.status_code == 204
    assert colleague.get(weight).status_code == 403
    assert resources(ok(colleague.get("/fhir/Observation", params={"patient": sick}))) == []
    assert send(colleague, "POST", "/fhir/Observation", observation(sick)).status_code == 403
    for answer, action in ((joined, "care-team.join"), (left, "care-team.leave")):
        (event,) = events_of(answer)
        assert (event["action"], event["patient"], event["success"]) == (action, sick, True)
        assert f"for:{me(colleague)}" in event["flags"]


def test_a_patient_sees_who_cares_for_them(stack: RunningStack, doctor: httpx.Client) -> None:
    sick = make(doctor, patient())["id"]
    themself = Account(stack, "patient", stack.tenants[0], patient_id=sick).api()
    (member,) = ok(themself.get(f"/patients/{sick}/care-team"))["members"]
    assert member["user_id"] == me(doctor)
    assert themself.delete(f"/patients/{sick}/care-team/{me(doctor)}").status_code == 403
    assert themself.get(f"/patients/{stack.patients()[0]}/care-team").status_code == 404


def test_nobody_puts_themself_into_a_team(stack: RunningStack, doctor: httpx.Client, colleague: httpx.Client) -> None:
    sick = make(doctor, patient())["id"]
    coordinator = Account(stack, "care_coordinator", stack.tenants[0]).api()
    for who, status in ((colleague, 404), (coordinator, 403), (doctor, 403)):
        answer = who.put(f"/patients/{sick}/care-team/{me(who)}", json={"sensitive": False})
        assert answer.status_code == status, answer.text


def test_a_body_that_says_more_is_refused(doctor: httpx.Client, colleague: httpx.Client) -> None:
    sick = make(doctor, patient())["id"]
    place = f"/patients/{sick}/care-team/{me(colleague)}"
    for body in ({}, {"sensitive": "yes"}, {"sensitive": False, "until": 1}):
        assert doctor.put(place, json=body).status_code == 400
    assert doctor.get(f"/patients/{sick}/care-team", params={"role": "clinician"}).status_code == 400
