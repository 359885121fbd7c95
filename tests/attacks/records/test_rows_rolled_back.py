"""Who rules the database puts validly sealed rows back to what they were: the product refuses, and raises an alert."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.accounts import Account, eventually
from tests.support.answers import ok, refused
from tests.support.consents import consent, labels, user
from tests.support.fhir import make, observation, patient, send
from tests.support.stored import superuser

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

BACK = (
    "UPDATE phi.resources AS r SET version = h.version, at = h.at, envelope = h.envelope FROM phi.history AS h"
    " WHERE (h.tenant_id, h.type, h.id) = (r.tenant_id, r.type, r.id) AND h.version = 1 AND r.id = %s"
)
FORGET = "DELETE FROM phi.history WHERE id = %s"
GONE = "DELETE FROM phi.resources WHERE id = %s"

type Sql = Callable[..., None]


@pytest.fixture(scope="module")
def tenant() -> str:
    """Of these tests alone: what they break stays broken, and every search that comes upon it is refused."""
    return f"tenant-{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def clinician(stack: RunningStack, tenant: str) -> httpx.Client:
    return Account(stack, "clinician", tenant).api()


@pytest.fixture
def sql(stack: RunningStack) -> Sql:
    def run(id: str, *statements: str) -> None:
        with superuser(stack) as connection:
            for statement in statements:
                assert connection.execute(statement.encode(), [id]).rowcount == 1

    return run


def written_twice(client: httpx.Client) -> tuple[str, str]:
    """Patient and observation; the observation's second version says what the first one didn't."""
    whose = str(make(client, patient())["id"])
    one = make(client, observation(whose))
    ok(send(client, "PUT", f"/fhir/Observation/{one['id']}", one | {"status": "entered-in-error"}))
    return whose, str(one["id"])


def nobody_is_told(client: httpx.Client, whose: str, id: str) -> None:
    place = f"/fhir/Observation/{id}"
    body = observation(whose) | {"id": id}
    put = {"request": {"method": "PUT", "url": f"Observation/{id}"}, "resource": body}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [put]}
    for answer in (
        client.get(place),
        send(client, "PUT", place, body),
        send(client, "DELETE", place),
        send(client, "POST", "/fhir", bundle),
    ):
        assert "final" not in answer.text
        refused(answer, 500)


@pytest.mark.parametrize("traces", [(), (FORGET,)], ids=["history-left", "history-gone"])
def test_an_earlier_version_put_back(
    clinician: httpx.Client, stack: RunningStack, sql: Sql, traces: tuple[str, ...]
) -> None:
    whose, id = written_twice(clinician)
    sql(id, BACK, *traces)
    nobody_is_told(clinician, whose, id)
    refused(clinician.get("/fhir/Observation", params={"_id": id}), 500)
    refused(clinician.get("/fhir/Observation", params={"patient": whose}), 500)

    def alerts() -> list[str]:
        told = stack.anyone().get(f"{stack.base_url}/_local/outbox", params={"to": "security-alerts"}).json()
        return [text for text in map(json.dumps, told) if "fhir.read" in text and "CRITICAL" in text]

    assert eventually(alerts)


def test_a_deletion_undone(clinician: httpx.Client, sql: Sql) -> None:
    whose = str(make(clinician, patient())["id"])
    id = str(make(clinician, observation(whose))["id"])
    ok(send(clinician, "DELETE", f"/fhir/Observation/{id}"), 204)
    sql(id, BACK, FORGET)
    nobody_is_told(clinician, whose, id)
    refused(clinician.get("/fhir/Observation", params={"patient": whose}), 500)


def test_a_row_taken_away(clinician: httpx.Client, sql: Sql) -> None:
    whose, id = written_twice(clinician)
    sql(id, FORGET, GONE)
    nobody_is_told(clinician, whose, id)


def test_the_row_of_another_resource_type_or_tenant(clinician: httpx.Client, stack: RunningStack, sql: Sql) -> None:
    whose, id = written_twice(clinician)
    _, other = written_twice(clinician)
    for column, value in (("id", other), ("type", "Procedure")):
        with superuser(stack) as connection:
            if column == "id":
                connection.execute("DELETE FROM phi.resources WHERE id = %s", [other])
                place = f"/fhir/Observation/{other}"
            else:
                id = str(make(clinician, observation(whose))["id"])
                place = f"/fhir/Procedure/{id}"
            moved = connection.execute(f"UPDATE phi.resources SET {column} = %s WHERE id = %s".encode(), [value, id])
            assert moved.rowcount == 1
        refused(clinician.get(place), 500)
    id, another = str(make(clinician, observation(whose))["id"]), f"tenant-{secrets.token_hex(4)}"
    with superuser(stack) as connection:
        for moved_id in (whose, id):
            moved = connection.execute("UPDATE phi.resources SET tenant_id = %s WHERE id = %s", [another, moved_id])
            assert moved.rowcount == 1
    there = Account(stack, "clinician", another).api().get(f"/fhir/Observation/{id}")
    assert there.status_code in (403, 500), there.text
    assert "valueQuantity" not in there.text


def test_a_withdrawn_consent_put_back(stack: RunningStack, tenant: str, clinician: httpx.Client, sql: Sql) -> None:
    whose = str(make(clinician, patient())["id"])
    weight = f"/fhir/Observation/{make(clinician, observation(whose))['id']}"
    officer, coordinator = (Account(stack, role, tenant).api() for role in ("privacy_officer", "care_coordinator"))
    officer.headers["X-Purpose-Of-Use"] = "OPERATIONS"
    whom = user(str(ok(coordinator.get("/me"))["user_id"]))
    given = make(officer, consent(whose, type="permit", actor=[whom], securityLabel=labels("clinical")))
    assert "valueQuantity" in ok(coordinator.get(weight))
    ok(send(officer, "PUT", f"/fhir/Consent/{given['id']}", given | {"status": "inactive"}))
    assert "valueQuantity" not in ok(coordinator.get(weight))
    sql(str(given["id"]), BACK, FORGET)
    for client in (coordinator, clinician):
        answer = client.get(weight)
        assert "valueQuantity" not in answer.text
        refused(answer, 500)
