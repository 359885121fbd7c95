"""Many who create the same thing at once, each unless it is there: there is one."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from phivault.errors import Conflict, PreconditionFailed, Unavailable
from phivault.records.create import create_conditionally
from phivault.records.search import search
from tests.support.postgres import CONTEXT_KEY
from tests.support.records_fakes import BASE_URL, World, a_patient

if TYPE_CHECKING:
    from local.postgres import Postgres
    from phivault.adapters.postgres import PostgresStore

WRITERS = 20
KNOWN = json.dumps(a_patient(identifier=[{"system": "urn:mrn", "value": "Q-77"}])).encode()


@pytest.fixture
def stores(postgres: Postgres) -> list[PostgresStore]:
    from phivault.adapters.postgres import PostgresStore

    return [PostgresStore(postgres.app_dsn, lambda: CONTEXT_KEY) for _ in range(WRITERS)]


def test_twenty_writers_make_one_patient(stores: list[PostgresStore], tenant: str) -> None:
    world = World()
    call = world.call(tenant=tenant)

    def write(store: PostgresStore) -> tuple[str, bool] | None:
        records = replace(world.records, store=store)
        try:
            released, made = create_conditionally(records, call, "Patient", KNOWN, "identifier=urn:mrn%7CQ-77")
        except (Conflict, PreconditionFailed, Unavailable):  # who waits for the others too long has made nothing
            return None
        return released.id, made

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(write, stores))
    told = {answer[0] for answer in answers if answer is not None}
    assert len(told) == 1
    assert sum(answer[1] for answer in answers if answer is not None) == 1
    found = search(replace(world.records, store=stores[0]), call, "Patient", [], base_url=BASE_URL)
    assert found.count == 1
    for store in stores:
        store.close()
