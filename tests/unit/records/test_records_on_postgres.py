"""The verbs over the real store: what the fake promises, PostgreSQL keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import Conflict, Gone, NotFound, PreconditionFailed, Unprocessable
from phivault.records.create import create
from phivault.records.delete import delete
from phivault.records.idempotency import LIFE_DAYS
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.transaction import transaction
from phivault.records.update import update
from phivault.records.vread import vread
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

if TYPE_CHECKING:
    from local.postgres import Postgres
    from phivault.adapters.postgres import PostgresStore

ABSENT = "0199b3c2-0000-7000-8000-000000000009"


class Racing:
    """A store whose next commit comes second."""

    def __init__(self, store: PostgresStore, first: Callable[[], object]) -> None:
        self._store, self._first = store, first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, *arguments: Any, **more: Any) -> None:
        self._first()
        self._store.commit(*arguments, **more)


@pytest.fixture
def real(world: World, postgres_store: PostgresStore) -> World:
    world.records = replace(world.records, store=postgres_store)
    return world


def test_a_resources_whole_life(real: World, tenant: str) -> None:
    call = real.call(tenant=tenant)
    id = real.make("Patient", a_patient(), call).id
    seen = read(real.records, call, "Patient", id)
    assert seen.at == real.time
    update(real.records, call, "Patient", id, seen.body, if_match='W/"1"')
    with pytest.raises(PreconditionFailed):
        update(real.records, call, "Patient", id, seen.body, if_match='W/"1"')
    assert delete(real.records, call, "Patient", id).version == 3
    with pytest.raises(Gone):
        read(real.records, call, "Patient", id)
    assert json.loads(vread(real.records, call, "Patient", id, 1).body)["name"] == a_patient()["name"]
    with pytest.raises(NotFound):
        vread(real.records, call, "Patient", id, (1 << 31) - 1)


def test_a_race_has_one_winner(real: World, tenant: str, postgres_store: PostgresStore) -> None:
    call = real.call(tenant=tenant)
    id = real.make("Patient", a_patient(), call).id
    body = json.dumps(a_patient(id=id, active=False)).encode()
    fair = real.records
    loser = replace(fair, store=Racing(postgres_store, lambda: update(fair, call, "Patient", id, body)))
    with pytest.raises(Conflict):
        update(loser, call, "Patient", id, json.dumps(a_patient(id=id)).encode())
    assert json.loads(read(fair, call, "Patient", id).body)["active"] is False


def test_a_repeat_is_answered_from_the_row(real: World, tenant: str) -> None:
    call = real.call(tenant=tenant)
    body = json.dumps(a_patient()).encode()
    first, again = (create(real.records, call, "Patient", body, idempotency_key="key") for _ in range(2))
    assert first == again


def test_two_repeats_at_once_make_one_resource(real: World, tenant: str, postgres_store: PostgresStore) -> None:
    call, body = real.call(tenant=tenant), json.dumps(a_patient()).encode()
    fair, made = real.records, []
    late = replace(
        fair,
        store=Racing(postgres_store, lambda: made.append(create(fair, call, "Patient", body, idempotency_key="key"))),
    )
    assert create(late, call, "Patient", body, idempotency_key="key") == made[0]
    assert search(fair, call, "Patient", [], base_url=BASE_URL).count == 1


def test_a_transaction_is_all_or_nothing_and_repeats(real: World, tenant: str) -> None:
    call = real.call(tenant=tenant)
    patient = real.make("Patient", a_patient(), call).id

    def send(*resources: dict[str, Any], key: str) -> bytes:
        entries = [{"request": {"method": "POST", "url": one["resourceType"]}, "resource": one} for one in resources]
        bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()
        return transaction(real.records, call, bundle, base_url=BASE_URL, idempotency_key=key).body

    broken = an_observation(patient, encounter={"reference": f"Encounter/{ABSENT}"})
    with pytest.raises(Unprocessable):
        send(an_observation(patient), broken, key="broken")
    assert search(real.records, call, "Observation", [("patient", patient)], base_url=BASE_URL).count == 0
    pair = an_observation(patient), an_observation(patient, status="amended")
    assert send(*pair, key="good") == send(*pair, key="good")
    found = search(real.records, call, "Observation", [("patient", patient), ("_count", "1")], base_url=BASE_URL)
    assert (found.count, b'"next"' in found.body) == (1, True)


def test_another_tenant_finds_nothing(real: World, tenant: str, other_tenant: str) -> None:
    id = real.make("Patient", a_patient(), real.call(tenant=tenant)).id
    researcher = real.call(Role.RESEARCHER, tenant=other_tenant)
    real.facts.approvals[other_tenant, "researcher-1"] = frozenset({researcher.project})
    assert search(real.records, researcher, "Patient", [("_id", id)], base_url=BASE_URL).count == 0
    with pytest.raises(NotFound):
        read(real.records, researcher, "Patient", id)


def test_a_repeat_after_the_keys_life_is_a_new_request(real: World, tenant: str, postgres: Postgres) -> None:
    """Also where the body is another one, which before would have been refused."""
    call, body = real.call(tenant=tenant), json.dumps(a_patient()).encode()
    other = json.dumps(a_patient(active=False)).encode()
    first = create(real.records, call, "Patient", body, idempotency_key="key")
    with pytest.raises(Unprocessable):
        create(real.records, call, "Patient", other, idempotency_key="key")
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as admin:
        admin.execute(
            "UPDATE app.idempotency SET at = now() - make_interval(days => %s) WHERE tenant_id = %s",
            (LIFE_DAYS, tenant),
        )
    real.forget()
    again = create(real.records, call, "Patient", other, idempotency_key="key")
    assert again.id != first.id
    assert [event.action for event in real.events if event.resource_id == again.id][-1] == Action.CREATE
    assert read(real.records, call, "Patient", first.id).body == first.body
    assert create(real.records, call, "Patient", other, idempotency_key="key") == again
