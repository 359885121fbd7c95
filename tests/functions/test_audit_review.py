"""The audit log's routes in this process: events, proofs, checkpoint and AuditEvents, for reviewers of the tenant."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from fhir.resources.R4B.bundle import Bundle

from phivault.access.roles import Role
from phivault.audit.canonical import EventLine, Link, encode
from phivault.audit.event import Action
from phivault.audit.log import proof as proofs
from phivault.audit.log.checkpoint import verify
from phivault.errors import IntegrityError
from tests.support.audit import an_event
from tests.support.audit_function import AuditFunction, audit
from tests.support.people import principal

__all__ = ["audit"]

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
ROUTES = [
    ("/v1/audit/events", "audit.search"),
    ("/v1/audit/events/{id}", "audit.search"),
    ("/v1/audit/events/{id}/proof", "audit.proof"),
    ("/v1/audit/checkpoint", "audit.checkpoint"),
    ("/v1/fhir/AuditEvent", "fhir.audit-search"),
    ("/v1/fhir/AuditEvent/{id}", "fhir.audit-read"),
]
BY_ID = [route for route in ROUTES if "{id}" in route[0]]


def entry(number: int, tenant: str = "north") -> EventLine:
    at = START + timedelta(seconds=number)
    id = uuid.UUID(int=int(at.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62 | number)
    event = an_event(id=str(id), timestamp=f"{at:%Y-%m-%dT%H:%M:%S}.000Z", tenant=tenant, patient=f"p{number % 3}")
    return EventLine(event, Link(writer="a" * 32, sequence=number + 1, prev="0" * 64))


OURS = [entry(number) for number in range(300)]
THEIRS = entry(400, "south")


@pytest.fixture(autouse=True)
def published(audit: AuditFunction) -> None:
    for each in (*OURS, THEIRS):
        audit.rows.put(each)
    audit.log.append([encode(each) for each in (*OURS, THEIRS)])


def ask(audit: AuditFunction, route: str, id: str = OURS[7].event.id, **query: str) -> Any:
    return audit.get(route, list(query.items()), **({"id": id} if "{id}" in route else {}))


def test_an_event_by_its_id(audit: AuditFunction) -> None:
    shown = ask(audit, "/v1/audit/events/{id}")
    assert shown.status == 200
    assert shown.json["id"] == OURS[7].event.id
    assert shown.json["object"]


def test_a_proof_is_checked_with_nothing_but_the_pinned_keys(audit: AuditFunction) -> None:
    answer = ask(audit, "/v1/audit/events/{id}/proof")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    proof = proofs.parse(answer.body.encode())
    assert proof.extra == encode(OURS[7])
    assert proof.verify(proof.extra, audit.log.log_key, audit.log.witness_key).witnessed_at is not None


def test_the_checkpoint_is_witnessed(audit: AuditFunction) -> None:
    answer = ask(audit, "/v1/audit/checkpoint")
    assert answer.headers["Content-Type"].startswith("text/plain")
    checked = verify(answer.body.encode(), audit.log.log_key, audit.log.witness_key)
    assert (checked.checkpoint.size, checked.witnessed_at is None) == (301, False)


def test_an_event_that_is_not_sealed_yet_has_its_proof_in_a_minute(audit: AuditFunction) -> None:
    fresh = entry(500)
    audit.rows.put(fresh)
    answer = ask(audit, "/v1/audit/events/{id}/proof", fresh.event.id)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")


def test_an_audit_event_as_fhir(audit: AuditFunction) -> None:
    answer = ask(audit, "/v1/fhir/AuditEvent/{id}")
    assert answer.headers["Content-Type"] == "application/fhir+json"
    assert answer.json["resourceType"] == "AuditEvent"
    assert answer.json["id"] == OURS[7].event.id


def test_a_search_as_fhir_page_by_page(audit: AuditFunction) -> None:
    query, seen = [("patient", "Patient/p1"), ("_count", "40")], []
    while True:
        answer = audit.get("/v1/fhir/AuditEvent", query)
        Bundle.model_validate(answer.json)
        seen += [each["resource"]["id"] for each in answer.json.get("entry", [])]
        links = {link["relation"]: link["url"] for link in answer.json["link"]}
        if "next" not in links:
            break
        assert links["next"].startswith("https://api.example/v1/fhir/AuditEvent?")
        query = parse_qsl(urlsplit(links["next"]).query)
    assert seen == [each.event.id for each in reversed(OURS) if each.event.patient == "p1"]


@pytest.mark.parametrize(("route", "action"), ROUTES)
def test_every_look_is_recorded_before_it_is_answered(audit: AuditFunction, route: str, action: str) -> None:
    answer = ask(audit, route)
    assert answer.status == 200
    (event,) = audit.recorded()
    assert (event["action"], event["success"], event["tenant"]) == (action, True, "north")
    assert event["request_id"] == answer.headers["X-Request-Id"]
    assert event["resource_id"] == (OURS[7].event.id if "{id}" in route else "")


@pytest.mark.parametrize(("route", "action"), ROUTES)
def test_what_cannot_be_recorded_is_not_answered(audit: AuditFunction, route: str, action: str) -> None:
    audit.store.failures[:] = ["before"] * 5
    answer = ask(audit, route)
    assert answer.status == 503
    assert OURS[7].event.request_id not in answer.body


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.PATIENT, Role.RESEARCHER, Role.TENANT_ADMIN])
@pytest.mark.parametrize(("route", "action"), ROUTES)
def test_others_are_refused(audit: AuditFunction, role: Role, route: str, action: str) -> None:
    audit.caller = principal(role, tenant="north")
    assert ask(audit, route).status == 403
    (event,) = audit.recorded()
    assert (event["action"], event["success"], event["error"]) == (action, False, "denied")


@pytest.mark.parametrize(("route", "action"), BY_ID)
def test_another_tenant_s_event_is_as_absent_as_none(audit: AuditFunction, route: str, action: str) -> None:
    theirs = ask(audit, route, THEIRS.event.id)
    none = ask(audit, route, str(uuid.UUID(int=uuid.UUID(THEIRS.event.id).int + 1)))
    assert (theirs.status, theirs.body) == (none.status, none.body)
    assert theirs.status == 404
    assert [event["error"] for event in audit.recorded()] == ["not-found", "not-found"]
    audit.caller = principal(Role.AUDITOR, tenant="south")
    assert ask(audit, route, THEIRS.event.id).status == 200


@pytest.mark.parametrize(("route", "action"), BY_ID)
def test_a_made_up_id_is_absent_and_not_recorded(audit: AuditFunction, route: str, action: str) -> None:
    assert ask(audit, route, "Zebra-1").status == 404
    assert audit.recorded()[0]["resource_id"] == ""


@pytest.mark.parametrize(("route", "action"), ROUTES)
def test_parameters_that_are_not_taken_are_refused(audit: AuditFunction, route: str, action: str) -> None:
    answer = ask(audit, route, Zebra="1")
    assert answer.status == 400
    assert "Zebra" not in answer.body
    under_fhir = answer.json.get("resourceType") == "OperationOutcome"
    assert under_fhir == route.startswith("/v1/fhir")


def test_a_failure_of_ours_is_recorded_and_tells_nothing(audit: AuditFunction) -> None:
    audit.log.files.clear()
    answer = ask(audit, "/v1/audit/events/{id}/proof")
    assert answer.status >= 400
    assert audit.recorded()[0]["success"] is False


def test_a_forged_cursor_leads_nowhere_else(audit: AuditFunction) -> None:
    import base64

    place = f"{THEIRS.event.timestamp}#{THEIRS.event.id}~"
    forged = base64.urlsafe_b64encode(place[:-1].encode()).decode().rstrip("=")
    for route, name, limit in (("/v1/audit/events", "cursor", "limit"), ("/v1/fhir/AuditEvent", "_cursor", "_count")):
        answer = audit.get(route, [(name, forged), (limit, "200")])
        assert answer.status == 200
        assert "south" not in answer.body
        assert THEIRS.event.id not in answer.body
        for wrong in ("", "Zebra", "A" * 5000, base64.urlsafe_b64encode(place.encode()).decode()):
            assert audit.get(route, [(name, wrong)]).status == 400


def test_the_proof_of_an_altered_line_does_not_verify(audit: AuditFunction) -> None:
    proof = proofs.parse(ask(audit, "/v1/audit/events/{id}/proof").body.encode())
    altered = dataclasses.replace(OURS[7].event, user_id="user-2")
    with pytest.raises(IntegrityError):
        proof.verify(encode(EventLine(altered, OURS[7].link)), audit.log.log_key, audit.log.witness_key)


def test_a_row_that_somebody_altered_gets_no_proof(audit: AuditFunction) -> None:
    faked = EventLine(dataclasses.replace(entry(8).event, action=Action.DELETE), OURS[8].link)
    audit.rows.replace(faked)
    audit.log.append([encode(entry(6000))])
    answer = ask(audit, "/v1/audit/events/{id}/proof", faked.event.id)
    assert answer.status == 500
    assert audit.recorded()[0]["error"] == "integrity"
    assert audit.recorded()[0]["risk"] == "CRITICAL"
