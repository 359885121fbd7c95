"""The audit log is read by those who review it: their own tenant's events, by filter, page after page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.answers import ok, one, refused
from tests.support.fhir import make, observation, patient

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

    type Look = Callable[[httpx.Response], list[dict[str, Any]]]


def test_only_those_who_review_read_the_log(stack: RunningStack, events_of: Look) -> None:
    for role in ("clinician", "care_coordinator", "researcher", "tenant_admin", "patient"):
        answer = stack.api(role).get("/audit/events")
        refused(answer, 403)
        one(events_of(answer), action="audit.search", error="denied", risk="HIGH", role=role)
    for role in ("auditor", "security_officer", "privacy_officer"):
        answer = stack.api(role).get("/audit/events")
        ok(answer)
        one(events_of(answer), action="audit.search", success=True, role=role)


def test_a_tenants_events_are_its_own(stack: RunningStack, auditor: httpx.Client, sick: str) -> None:
    mine, theirs = stack.tenants[0], stack.tenants[1]
    other = stack.api("auditor", theirs)
    ok(stack.api("clinician", theirs).get(f"/fhir/Patient/{stack.patients(theirs)[0]}"))
    for client, tenant in ((auditor, mine), (other, theirs)):
        events = ok(client.get("/audit/events", params={"limit": 200}))["events"]
        assert {event["tenant"] for event in events} == {tenant}
    me = ok(stack.api("clinician").get("/me"))
    for parameters in ({"patient": sick}, {"user": me["user_id"]}):
        assert ok(other.get("/audit/events", params=parameters))["events"] == []
    cursor = ok(auditor.get("/audit/events", params={"limit": 1}))["cursor"]
    events = ok(other.get("/audit/events", params={"cursor": cursor}))["events"]
    assert {event["tenant"] for event in events} <= {theirs}


def test_filters(clinician: httpx.Client, auditor: httpx.Client, events_of: Look) -> None:
    subject = make(clinician, patient())["id"]
    weight = make(clinician, observation(subject))["id"]
    user = ok(clinician.get("/me"))["user_id"]
    last = clinician.delete(f"/fhir/Observation/{weight}")
    (event,) = events_of(last)

    def search(**parameters: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ok(auditor.get("/audit/events", params=parameters))["events"]
        return found

    actions = [one["action"] for one in search(patient=subject)]
    assert actions == ["fhir.delete", "fhir.create", "fhir.create", "key.create"]
    assert [one["resource_id"] for one in search(patient=subject, action="fhir.create")] == [weight, subject]
    assert [one["id"] for one in search(patient=subject, risk="HIGH")] == [event["id"]]
    assert {one["user_id"] for one in search(user=user)} == {user}
    assert {one["risk"] for one in search(risk="HIGH")} == {"HIGH"}
    at = datetime.fromisoformat(event["timestamp"])
    just_after = (at + timedelta(milliseconds=1)).isoformat()
    assert [one["id"] for one in search(patient=subject, since=event["timestamp"])] == [event["id"]]
    assert search(patient=subject, since=just_after) == []
    assert [one["id"] for one in search(patient=subject, until=just_after, limit="1")] == [event["id"]]
    assert event["id"] not in [one["id"] for one in search(patient=subject, until=event["timestamp"])]
    assert search(until=(at - timedelta(days=900)).isoformat()) == []


def test_page_after_page_newest_first(clinician: httpx.Client, auditor: httpx.Client) -> None:
    subject = make(clinician, patient())["id"]
    for _ in range(4):
        ok(clinician.get(f"/fhir/Patient/{subject}"))
    found: list[dict[str, Any]] = []
    parameters = {"patient": subject, "limit": "2"}
    while True:
        page = ok(auditor.get("/audit/events", params=parameters))
        assert len(page["events"]) <= 2
        found += page["events"]
        if page["cursor"] is None:
            break
        parameters["cursor"] = page["cursor"]
    assert len({event["id"] for event in found}) == len(found) == 6
    assert [event["timestamp"] for event in found] == sorted((e["timestamp"] for e in found), reverse=True)
    assert [one["action"] for one in found[-2:]] == ["fhir.create", "key.create"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=Zebra",
        "limit=%D9%A3",
        "limit=1&limit=2",
        "risk=Zebra",
        "action=Zebra",
        "patient=Zebra%20x",
        "user=" + "a" * 200,
        "since=Zebra",
        "since=2026-01-01",
        "since=2026-01-01T00:00:00",
        "until=",
        "cursor=Zebra",
        "cursor=" + "A" * 500,
        "Zebra=1",
        "tenant=tenant-b",
    ],
)
def test_parameters_that_mean_nothing(auditor: httpx.Client, query: str) -> None:
    refused(auditor.get(f"/audit/events?{query}"), 400)


def test_the_log_names_nobody(auditor: httpx.Client, stack: RunningStack) -> None:
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    text = auditor.get("/audit/events", params={"limit": "200", "since": since}).text
    for role in ("clinician", "auditor", "patient"):
        assert stack.user(role)["email"] not in text
    assert "127.0.0.1" not in text
    assert "python-httpx" not in text
