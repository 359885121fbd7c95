from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.adapters.postgres import PostgresStore
from phivault.records.store import SealedVersion

Make = Callable[..., SealedVersion]
IDS = ["0", "A", "Z", "a", "a-1", "b", "z"]


@pytest.fixture
def filled(postgres_store: PostgresStore, tenant: str, other_tenant: str, version: Make) -> PostgresStore:
    """Observations IDS of Patient/p, but "b" of Patient/q; one deleted, one of another type, one of another tenant."""
    subjects = {"b": "Patient/q"}
    writes = [version("Observation", id, 1, subject=subjects.get(id, "Patient/p")) for id in reversed(IDS)]
    writes += [version("Observation", "gone", n, envelope=e) for n, e in ((1, b"sealed"), (2, None))]
    writes.append(version("Condition", "c", 1))
    postgres_store.commit(tenant, writes, references=(), idempotency=None)
    postgres_store.commit(other_tenant, [version("Observation", "other", 1)], references=(), idempotency=None)
    return postgres_store


def test_all_of_a_type_in_order_without_deletions(filled: PostgresStore, tenant: str) -> None:
    found = filled.search(tenant, "Observation", subject=None, ids=None, after="", limit=100)
    assert [each.id for each in found] == IDS
    assert all(each.envelope for each in found)


def test_of_one_subject(filled: PostgresStore, tenant: str) -> None:
    found = filled.search(tenant, "Observation", subject="Patient/q", ids=None, after="", limit=100)
    assert [each.id for each in found] == ["b"]


def test_among_ids(filled: PostgresStore, tenant: str) -> None:
    wanted = ["z", "gone", "b", "none", "c", "other", "a", "a"]
    found = filled.search(tenant, "Observation", subject=None, ids=wanted, after="", limit=100)
    assert [each.id for each in found] == ["a", "b", "z"]


def test_among_ids_of_one_subject(filled: PostgresStore, tenant: str) -> None:
    found = filled.search(tenant, "Observation", subject="Patient/p", ids=["b", "a"], after="", limit=100)
    assert [each.id for each in found] == ["a"]


def test_no_ids_find_nothing(filled: PostgresStore, tenant: str) -> None:
    assert filled.search(tenant, "Observation", subject=None, ids=[], after="", limit=100) == []


@pytest.mark.parametrize("subject", [None, "Patient/p"])
@pytest.mark.parametrize("ids", [None, IDS])
def test_pages_join_without_gap_or_overlap(
    filled: PostgresStore, tenant: str, subject: str | None, ids: list[str] | None
) -> None:
    pages, after = [], ""
    while page := filled.search(tenant, "Observation", subject=subject, ids=ids, after=after, limit=2):
        assert len(page) <= 2
        pages += [each.id for each in page]
        after = page[-1].id
    assert pages == [id for id in IDS if subject is None or id != "b"]


def test_searches_use_the_indexes(filled: PostgresStore, tenant: str) -> None:
    """Under row-level security a condition reaches an index only if its operator is leakproof."""
    connection = filled._link._usable()
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        for condition, indexes in (
            (
                "subject = 'Patient/p' AND type = 'Observation' AND id > 'a' AND envelope IS NOT NULL",
                # In a table this small both cost the same: statistics decide.
                ("resources_by_subject", "resources_pkey"),
            ),
            ("type = 'Observation' AND id > 'a'", ("resources_pkey",)),
        ):
            rows = connection.execute(f"EXPLAIN SELECT * FROM phi.resources WHERE {condition} ORDER BY id").fetchall()
            plan = "\n".join(row[0] for row in rows)
            assert any(f"using {index}" in plan or f"on {index}" in plan for index in indexes)
            scan = next(line for line in plan.splitlines() if "Index Cond" in line)
            assert "tenant_id" in scan
            assert "type" in scan
            assert "id >" in scan
