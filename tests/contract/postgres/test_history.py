"""Versions of one resource, and the records of one patient, a bounded page at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phivault.adapters.postgres import PostgresStore
from phivault.records.store import HoldingType, SealedHistory, SealedVersion
from tests.contract.postgres.conftest import AT

Make = Callable[..., SealedVersion]
LARGE = 1 << 30
TOKEN = b"relative"


@pytest.fixture
def versions(postgres_store: PostgresStore, tenant: str, other_tenant: str, version: Make) -> PostgresStore:
    """Patient/a in six versions, a minute apart, of 10 bytes; the fourth is a deletion. Others beside it."""
    for number in range(1, 7):
        envelope = None if number == 4 else b"%010d" % number
        write = replace(version("Patient", "a", number, envelope=envelope), at=AT + timedelta(minutes=number))
        postgres_store.commit(tenant, [write], references=(), idempotency=None)
    for owner, kind, id in ((tenant, "Patient", "b"), (tenant, "Observation", "a"), (other_tenant, "Patient", "a")):
        postgres_store.commit(owner, [version(kind, id, 1)], references=(), idempotency=None)
    return postgres_store


def history(
    store: PostgresStore,
    tenant: str,
    before: int = 99,
    since: datetime | None = None,
    limit: int = 99,
    room: int = LARGE,
) -> list[int]:
    found = store.history(tenant, "Patient", "a", shown=b"", before=before, since=since, limit=limit, room=room).rows
    assert all((each.type, each.id) == ("Patient", "a") for each in found)
    return [each.version for each in found]


def test_newest_first_deletions_included(versions: PostgresStore, tenant: str, other_tenant: str) -> None:
    assert history(versions, tenant) == [6, 5, 4, 3, 2, 1]
    assert history(versions, other_tenant) == [1]
    found = versions.history(tenant, "Patient", "a", shown=b"", before=99, since=None, limit=9, room=LARGE)
    assert [each.envelope for each in found.rows][:3] == [b"0000000006", b"0000000005", None]


def test_below_a_version_since_a_time_and_no_more_than_asked(versions: PostgresStore, tenant: str) -> None:
    assert history(versions, tenant, before=4) == [3, 2, 1]
    assert history(versions, tenant, limit=2) == [6, 5]
    assert history(versions, tenant, since=AT + timedelta(minutes=5)) == [6, 5]
    assert history(versions, tenant, since=(AT + timedelta(minutes=5)).astimezone(UTC), before=6) == [5]
    assert history(versions, tenant, since=AT + timedelta(days=1)) == []
    none = versions.history(tenant, "Patient", "none", shown=b"", before=9, since=None, limit=9, room=9)
    assert none == SealedHistory([], 1, 0)


@pytest.mark.parametrize(("room", "expected"), [(1, [6]), (10, [6]), (11, [6, 5]), (21, [6, 5, 4, 3])])
def test_no_row_is_behind_so_many_bytes(versions: PostgresStore, tenant: str, room: int, expected: list[int]) -> None:
    assert history(versions, tenant, room=room) == expected


@given(limit=st.integers(1, 7), room=st.integers(1, 60))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_join(versions: PostgresStore, tenant: str, limit: int, room: int) -> None:
    found: list[int] = []
    while page := history(versions, tenant, before=found[-1] if found else 99, limit=limit, room=room):
        assert len(page) <= limit
        found += page
    assert found == [6, 5, 4, 3, 2, 1]


EVERY = ["Patient", "Observation", "Condition", "RelatedPerson"]


@pytest.fixture
def filled(postgres_store: PostgresStore, tenant: str, other_tenant: str, version: Make) -> PostgresStore:
    """What is about Patient/p and, by the name, what isn't."""
    relative = version("RelatedPerson", "r", 1, subject="RelatedPerson/r")
    writes = [
        version("Patient", "p", 1),
        version("Observation", "o2", 1),
        version("Observation", "o1", 1),
        replace(version("Condition", "c", 1), at=AT + timedelta(hours=1)),
        replace(relative, patient="p", tokens=frozenset({TOKEN})),
        version("Observation", "theirs", 1, subject="Patient/q"),
        version("Organization", "nobodys", 1, subject="Tenant"),
        *(version("Observation", "gone", n, envelope=e) for n, e in ((1, b"sealed"), (2, None))),
    ]
    # A token of eight bytes may be another's; the index tells whose it says it is.
    for id, patient, token in (("theirs", "q", TOKEN), ("unknown", "p", b"another!")):
        one = version("RelatedPerson", id, 1, subject=f"RelatedPerson/{id}")
        writes.append(replace(one, patient=patient, tokens=frozenset({token})))
    postgres_store.commit(tenant, writes, references=(), idempotency=None)
    postgres_store.commit(other_tenant, [version("Observation", "other", 1)], references=(), idempotency=None)
    return postgres_store


def of_patient(
    store: PostgresStore,
    tenant: str,
    types: list[str] = EVERY,
    after: tuple[str, str] = ("", ""),
    since: datetime | None = None,
    limit: int = 99,
    room: int = LARGE,
    relatives: list[bytes] | None = None,
) -> list[tuple[str, str]]:
    found = store.of_patient(
        tenant,
        "p",
        types=[HoldingType(each, b"", b"") for each in types],
        relatives=[TOKEN] if relatives is None else relatives,
        after=after,
        since=since,
        limit=limit,
        room=room,
    )
    return [(each.type, each.id) for each in found]


ALL = [("Condition", "c"), ("Observation", "o1"), ("Observation", "o2"), ("Patient", "p"), ("RelatedPerson", "r")]


def test_all_of_one_patient_by_type_and_id(filled: PostgresStore, tenant: str, other_tenant: str) -> None:
    assert of_patient(filled, tenant) == ALL
    assert of_patient(filled, other_tenant) == [("Observation", "other")]


def test_narrowed(filled: PostgresStore, tenant: str) -> None:
    assert of_patient(filled, tenant, ["Observation"]) == ALL[1:3]
    assert of_patient(filled, tenant, []) == []
    assert of_patient(filled, tenant, ["RelatedPerson"], relatives=[]) == []
    assert of_patient(filled, tenant, since=AT + timedelta(minutes=1)) == ALL[:1]
    assert of_patient(filled, tenant, limit=2) == ALL[:2]
    assert of_patient(filled, tenant, room=7) == ALL[:2]
    assert of_patient(filled, tenant, after=("Observation", "o1")) == ALL[2:]


@given(limit=st.integers(1, 6), room=st.integers(1, 40))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_of_a_patient_join(filled: PostgresStore, tenant: str, limit: int, room: int) -> None:
    found: list[tuple[str, str]] = []
    while page := of_patient(filled, tenant, after=found[-1] if found else ("", ""), limit=limit, room=room):
        found += page
    assert found == ALL
