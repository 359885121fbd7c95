"""Searches by tokens, and lists in an order of time: pages, bounds, tenants, plans."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from phivault.adapters.postgres import PostgresStore
from phivault.records.store import SealedVersion
from tests.support.accounts import eventually
from tests.support.records_fakes import MemoryResources

if TYPE_CHECKING:
    from local.postgres import Postgres

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SMITH, JONES, FEMALE, MALE, NOBODY = (bytes([n]) * 8 for n in range(1, 6))
PATIENTS = [f"p{n}" for n in range(6)]
FIND: dict[str, Any] = {
    "patients": None,
    "ids": None,
    "since": None,
    "until": None,
    "after": ("", ""),
    "limit": 1000,
    "room": 1 << 30,
}
RECENT: dict[str, Any] = {
    "by_time": True,
    "backwards": False,
    "groups": [],
    "subjects": None,
    "ids": None,
    "since": None,
    "until": None,
    "after": None,
    "limit": 1000,
    "room": 1 << 30,
}


def rows() -> list[SealedVersion]:
    """Three of each patient, with tokens of two kinds; times repeat, and are in no order of ids."""
    chosen = random.Random(7)
    made = []
    for number, patient in enumerate(PATIENTS * 3):
        tokens = frozenset({chosen.choice([SMITH, JONES]), chosen.choice([FEMALE, MALE])})
        at = BEGIN + timedelta(hours=chosen.randrange(8))
        id = f"o{chosen.randrange(10**6)}-{number}"
        made.append(SealedVersion("Observation", id, 1, f"Patient/{patient}", at, b"x" * 100, patient, tokens))
    return made


class Both:
    """The store and what stands for it in other tests: they must say the same."""

    def __init__(self, store: PostgresStore, tenant: str) -> None:
        self.store, self.tenant, self.fake = store, tenant, MemoryResources([])

    def commit(self, *writes: SealedVersion) -> None:
        for each in (self.store, self.fake):
            each.commit(self.tenant, writes, references=(), idempotency=None)

    def find(self, groups: Any, **asked: Any) -> list[SealedVersion]:
        found = [
            each.find(self.tenant, "Observation", groups=groups, **FIND | asked) for each in (self.store, self.fake)
        ]
        assert [(row.patient, row.id, row.envelope) for row in found[0]] == [
            (row.patient, row.id, row.envelope) for row in found[1]
        ]
        return found[0]

    def recent(self, **asked: Any) -> list[SealedVersion]:
        found = [each.recent(self.tenant, "Observation", **RECENT | asked) for each in (self.store, self.fake)]
        assert [(row.id, row.at, row.patient) for row in found[0]] == [
            (row.id, row.at, row.patient) for row in found[1]
        ]
        return found[0]


@pytest.fixture
def both(postgres_store: PostgresStore, tenant: str, other_tenant: str) -> Both:
    made = Both(postgres_store, tenant)
    made.commit(*rows())
    theirs = [replace(row, id="theirs-" + row.id) for row in rows()]
    postgres_store.commit(other_tenant, theirs, references=(), idempotency=None)
    return made


GROUPS = [[[SMITH]], [[SMITH, JONES]], [[SMITH], [FEMALE]], [[SMITH, JONES, NOBODY], [FEMALE, NOBODY]], [[NOBODY]]]


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("patients", [None, ["p1", "p3", "p9"], []])
def test_what_has_one_token_of_each_group_is_found(both: Both, groups: Any, patients: list[str] | None) -> None:
    found = both.find(groups, patients=patients)
    wanted = {
        row.id
        for row in rows()
        if all(row.tokens & set(group) for group in groups) and (patients is None or row.patient in patients)
    }
    assert {row.id for row in found} == wanted
    assert len(found) == len(wanted)


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("patients", [None, PATIENTS])
def test_pages_join_without_gap_or_overlap(both: Both, groups: Any, patients: list[str] | None) -> None:
    whole, pages, after = both.find(groups, patients=patients), [], ("", "")
    left = patients
    while page := both.find(groups, patients=left, after=after, limit=2):
        assert len(page) <= 2
        pages += page
        after = (page[-1].patient, page[-1].id)
        left = None if left is None else [each for each in left if each >= after[0]]
    assert pages == whole


def test_bounds_of_time_and_ids(both: Both) -> None:
    middle = BEGIN + timedelta(hours=4)
    early, late = both.find([[SMITH]], until=middle), both.find([[SMITH]], since=middle)
    assert early
    assert late
    assert {row.at < middle for row in early} == {True}
    assert {row.at < middle for row in late} == {False}
    assert both.find([[SMITH]], ids=[early[0].id, "none"]) == early[:1]
    assert both.find([[SMITH]], ids=[]) == []


def test_a_page_ends_by_bytes_and_its_first_row_comes_anyway(both: Both) -> None:
    assert len(both.find([[SMITH, JONES]], room=250)) == 3
    assert len(both.find([[SMITH, JONES]], room=1)) == 1
    assert len(both.recent(room=250)) == 3


def test_a_new_versions_tokens_count_and_a_deletion_has_none(both: Both) -> None:
    first, second, *_ = both.find([[SMITH]])
    both.commit(replace(first, version=2, tokens=frozenset({JONES}), envelope=b"y"))
    both.commit(replace(second, version=2, tokens=frozenset(), envelope=None))
    assert not {first.id, second.id} & {row.id for row in both.find([[SMITH]])}
    assert first.id in {row.id for row in both.find([[JONES]])}
    assert second.id not in {row.id for row in both.recent()}


@pytest.mark.parametrize("by_time", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"subjects": ["Patient/p1", "Patient/p2"]},
        {"groups": [[SMITH]]},
        {"groups": [[SMITH, JONES], [FEMALE]], "subjects": ["Patient/p0"]},
        {"since": BEGIN + timedelta(hours=2), "until": BEGIN + timedelta(hours=6)},
        {"subjects": []},
        {"groups": [[NOBODY]]},
    ],
    ids=["all", "subjects", "token", "tokens and subject", "time", "nobody", "none"],
)
def test_lists_in_order_join_without_gap_or_overlap(
    both: Both, by_time: bool, backwards: bool, asked: dict[str, Any]
) -> None:
    order = {"by_time": by_time, "backwards": backwards} | asked
    whole, pages, after = both.recent(**order), [], None
    while page := both.recent(**order, after=after, limit=2):
        pages += page
        after = (page[-1].at, page[-1].id)
    assert pages == whole
    keys = [(row.at, row.id) if by_time else (row.id,) for row in whole]
    assert keys == sorted(keys, reverse=backwards)


def test_more_than_a_thousand_with_a_token_are_met_on_the_way(both: Both) -> None:
    many = [
        SealedVersion(
            "Observation",
            f"m{n}",
            1,
            "Patient/p7",
            BEGIN + timedelta(minutes=n),
            b"x",
            "p7",
            frozenset({NOBODY, SMITH}),
        )
        for n in range(1100)
    ]
    both.commit(*many)
    found = both.recent(groups=[[NOBODY], [SMITH]], backwards=True, limit=5)
    assert [row.id for row in found] == ["m1099", "m1098", "m1097", "m1096", "m1095"]


def test_hostile_texts_are_values(both: Both) -> None:
    for text in ("' OR 1=1 --", "p1'; DROP TABLE phi.search_tokens; --", "$1", "%s", "{p1,p2}", '"', "\\"):
        assert both.find([[SMITH]], patients=[text]) == []
        assert both.find([[SMITH]], ids=[text]) == []
        assert both.recent(subjects=[text]) == []
        assert both.recent(ids=[text]) == []
    assert both.find([[SMITH]])


def test_a_context_of_another_tenant_finds_nothing_of_this_one(both: Both, other_tenant: str) -> None:
    theirs = both.store.find(other_tenant, "Observation", groups=[[SMITH, JONES]], **FIND)
    assert theirs
    assert all(row.id.startswith("theirs-") for row in theirs)


@pytest.fixture
def many(postgres: Postgres, tenant: str) -> Iterator[psycopg.Connection]:
    """20,000 resources of 2,000 patients, as their superuser sees them: half of them SMITH, one in a hundred JONES."""
    connection = psycopg.connect(postgres.admin_dsn, autocommit=True)
    connection.execute(
        "INSERT INTO phi.resources (tenant_id, type, id, version, subject, at, envelope)"
        " SELECT %(t)s, 'Observation', 'id' || n, 1, 'Patient/p' || n %% 2000,"
        " '2026-01-01'::timestamptz + n * '1s'::interval, 'x' FROM generate_series(1, 20000) AS n",
        {"t": tenant},
    )
    connection.execute(
        "INSERT INTO phi.search_tokens (tenant_id, token, patient, type, id)"
        " SELECT %(t)s, CASE WHEN n %% 100 = 0 THEN %(jones)s::bytea WHEN n %% 2 = 0 THEN %(smith)s::bytea"
        " ELSE substr(sha256(n::text::bytea), 1, 8) END, 'p' || n %% 2000, 'Observation', 'id' || n"
        " FROM generate_series(1, 20000) AS n",
        {"t": tenant, "jones": JONES, "smith": SMITH},
    )
    connection.execute(
        "INSERT INTO phi.search_tokens (tenant_id, token, patient, type, id)"
        " SELECT %(t)s, %(all)s, 'p' || n %% 2000, 'Observation', 'id' || n FROM generate_series(1, 20000) AS n",
        {"t": tenant, "all": FEMALE},
    )
    connection.execute("ANALYZE phi.resources, phi.search_tokens")
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("call", "indexes", "most"),
    [
        ("find: everybody, often", ("search_tokens_pkey",), 300),
        ("find: everybody, and another", ("search_tokens_pkey", "search_tokens_by_resource"), 300),
        ("find: patients", ("search_tokens_pkey",), 300),
        ("recent", ("resources_by_time",), 300),
        ("recent, often", ("resources_by_time", "search_tokens_by_resource"), 1500),
    ],
)
def test_searches_read_no_more_than_they_may_return(
    many: psycopg.Connection, postgres_store: PostgresStore, tenant: str, call: str, indexes: tuple[str, ...], most: int
) -> None:
    """Measured by what the server counts: rows that indexes give, and tables that are read whole."""
    before = _read(many)
    match call:
        case "find: everybody, often":
            found = postgres_store.find(tenant, "Observation", groups=[[SMITH]], **FIND | {"limit": 20})
        case "find: everybody, and another":
            groups = [[JONES], [FEMALE]]
            found = postgres_store.find(tenant, "Observation", groups=groups, **FIND | {"limit": 20})
        case "find: patients":
            asked = FIND | {"limit": 20, "patients": ["p10", "p1000", "p1100"]}
            found = postgres_store.find(tenant, "Observation", groups=[[SMITH, JONES]], **asked)
        case "recent, often":
            asked = RECENT | {"limit": 20, "backwards": True, "groups": [[FEMALE], [SMITH]]}
            found = postgres_store.recent(tenant, "Observation", **asked)
        case _:
            found = postgres_store.recent(tenant, "Observation", **RECENT | {"limit": 20, "backwards": True})
    assert len(found) == 20
    postgres_store.close()
    after = _read(many)
    assert after["seq"] == before["seq"], "a table was read whole"
    assert 0 < after["idx"] - before["idx"] <= most
    assert all(after[index] > before[index] for index in indexes)


def _read(connection: psycopg.Connection) -> dict[str, int]:
    """What all backends have read so far. The application's tell it at the latest before they are gone."""
    theirs = "SELECT FROM pg_stat_activity WHERE usename = 'phivault_app'"
    eventually(lambda: not connection.execute(theirs).rowcount)
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT pg_stat_clear_snapshot()")
    tables = connection.execute(
        "SELECT sum(seq_tup_read)::bigint, sum(idx_tup_fetch)::bigint FROM pg_stat_user_tables WHERE schemaname = 'phi'"
    ).fetchone()
    indexes = connection.execute(
        "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE schemaname = 'phi'"
    ).fetchall()
    assert tables is not None
    return {"seq": tables[0], "idx": tables[1], **dict(indexes)}
