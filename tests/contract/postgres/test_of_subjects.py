from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.adapters.postgres import PostgresStore
from phivault.records.store import SealedVersion
from tests.support.records_fakes import MemoryResources

Make = Callable[..., SealedVersion]


@pytest.fixture(params=["postgres", "memory"])
def filled(request: pytest.FixtureRequest, tenant: str, other_tenant: str, version: Make) -> PostgresStore:
    """Consents of three patients, one of them deleted, one in its second version; other types; another tenant's."""
    fakes = {"memory": lambda: MemoryResources([]), "postgres": lambda: request.getfixturevalue("postgres_store")}
    store: PostgresStore = fakes[request.param]()
    for writes in (
        [version("Consent", id, 1, subject=f"Patient/{owner}") for id, owner in (("z", "p"), ("a", "p"), ("m", "q"))],
        [version("Consent", "b", 1, subject="Patient/r"), version("Consent", "gone", 1, subject="Patient/p")],
        [version("Consent", "gone", 2, subject="Patient/p", envelope=None)],
        [version("Consent", "a", 2, subject="Patient/p", envelope=b"newer")],
        [version("Observation", "a", 1, subject="Patient/p")],
    ):
        store.commit(tenant, writes, references=(), idempotency=None)
    others = [version("Consent", "theirs", 1, subject="Patient/p")]
    store.commit(other_tenant, others, references=(), idempotency=None)
    return store


def test_the_newest_versions_of_all_asked_for(filled: PostgresStore, tenant: str) -> None:
    found = filled.of_subjects(tenant, "Consent", ["Patient/q", "Patient/p", "Patient/p", "Patient/nobody"])
    assert [(each.subject, each.id, each.version) for each in found] == [
        ("Patient/p", "a", 2),
        ("Patient/p", "z", 1),
        ("Patient/q", "m", 1),
    ]
    assert found[0].envelope == b"newer"


def test_nobody_asked_for_has_none(filled: PostgresStore, tenant: str) -> None:
    assert filled.of_subjects(tenant, "Consent", []) == []
    assert filled.of_subjects(tenant, "Immunization", ["Patient/p"]) == []


def test_a_page_of_subjects_is_looked_up_in_the_index(postgres_store: PostgresStore) -> None:
    """Under row-level security a condition reaches an index only if its operator is leakproof."""
    connection = postgres_store._link._usable()
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        rows = connection.execute(
            "EXPLAIN SELECT * FROM phi.resources WHERE subject = ANY (ARRAY['Patient/p', 'Patient/q']) "
            "AND type = 'Consent' AND envelope IS NOT NULL ORDER BY subject, id"
        ).fetchall()
    plan = "\n".join(row[0] for row in rows)
    scan = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "tenant_id" in scan
    assert "type" in scan
