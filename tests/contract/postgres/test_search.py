from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any, LiteralString

import pytest

from phivault.adapters.postgres import PostgresStore
from phivault.adapters.postgres.finding import within_room
from phivault.crypto.header import CODES
from phivault.records.store import Holding, SealedVersion

Make = Callable[..., SealedVersion]
ROOM = 1 << 30
EVERY = bytes(CODES.values())
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
    found = filled.search(tenant, "Observation", subject=None, ids=None, after="", limit=100, room=ROOM)
    assert [each.id for each in found] == IDS
    assert all(each.envelope for each in found)


def test_of_one_subject(filled: PostgresStore, tenant: str) -> None:
    found = filled.search(tenant, "Observation", subject="Patient/q", ids=None, after="", limit=100, room=ROOM)
    assert [each.id for each in found] == ["b"]


def test_among_ids(filled: PostgresStore, tenant: str) -> None:
    wanted = ["z", "gone", "b", "none", "c", "other", "a", "a"]
    found = filled.search(tenant, "Observation", subject=None, ids=wanted, after="", limit=100, room=ROOM)
    assert [each.id for each in found] == ["a", "b", "z"]


def test_among_ids_of_one_subject(filled: PostgresStore, tenant: str) -> None:
    found = filled.search(tenant, "Observation", subject="Patient/p", ids=["b", "a"], after="", limit=100, room=ROOM)
    assert [each.id for each in found] == ["a"]


def test_no_ids_find_nothing(filled: PostgresStore, tenant: str) -> None:
    assert filled.search(tenant, "Observation", subject=None, ids=[], after="", limit=100, room=ROOM) == []


@pytest.mark.parametrize("subject", [None, "Patient/p"])
@pytest.mark.parametrize("ids", [None, IDS])
def test_pages_join_without_gap_or_overlap(
    filled: PostgresStore, tenant: str, subject: str | None, ids: list[str] | None
) -> None:
    pages, after = [], ""
    while page := filled.search(tenant, "Observation", subject=subject, ids=ids, after=after, limit=2, room=ROOM):
        assert len(page) <= 2
        pages += [each.id for each in page]
        after = page[-1].id
    assert pages == [id for id in IDS if subject is None or id != "b"]


def among(store: PostgresStore, tenant: str, subjects: list[str], **asked: Any) -> list[str]:
    search: dict[str, Any] = {"ids": None, "after": "", "limit": 100, "room": ROOM} | asked
    held = [Holding(each, EVERY, EVERY) for each in subjects]
    return [each.id for each in store.search_among(tenant, "Observation", among=held, **search)]


def test_among_subjects_by_subject_and_then_by_id(filled: PostgresStore, tenant: str, version: Make) -> None:
    filled.commit(tenant, [version("Observation", "c", 1, subject="Patient/q")], references=(), idempotency=None)
    both, of_p = ["Patient/p", "Patient/q"], [id for id in IDS if id != "b"]
    assert among(filled, tenant, both) == [*of_p, "b", "c"]
    assert among(filled, tenant, ["Patient/q", "Patient/r"]) == ["b", "c"]
    assert among(filled, tenant, ["Patient/r"]) == among(filled, tenant, []) == []
    assert among(filled, tenant, both, after="a-1") == ["z", "b", "c"], "of the first subject only"
    assert among(filled, tenant, both, ids=["c", "a", "gone", "none"]) == ["a", "c"]
    assert among(filled, tenant, both, ids=[]) == []
    assert among(filled, tenant, both, limit=2) == of_p[:2]
    assert among(filled, tenant, both, after=of_p[-2], limit=2) == [of_p[-1], "b"]


def test_among_subjects_of_another_tenant_there_is_nothing(
    filled: PostgresStore, tenant: str, other_tenant: str
) -> None:
    assert among(filled, other_tenant, ["Patient/p", "Patient/q"]) == ["other"]


def test_a_search_among_subjects_reads_no_more_than_it_may_return(filled: PostgresStore, tenant: str) -> None:
    """Each subject is a look into the index of subjects."""
    connection = filled._link._usable()
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        rows = connection.execute(
            "EXPLAIN SELECT found.* FROM unnest(ARRAY['Patient/p', 'Patient/q']) WITH ORDINALITY AS s (subject, place)"
            " CROSS JOIN LATERAL (SELECT r.* FROM phi.resources AS r WHERE r.subject = s.subject"
            " AND r.type = 'Observation' AND r.id > CASE WHEN s.place = 1 THEN 'a' ELSE '' END"
            " AND r.envelope IS NOT NULL ORDER BY r.id LIMIT 2) AS found ORDER BY s.place, found.id LIMIT 2"
        ).fetchall()
    plan = "\n".join(row[0] for row in rows)
    scan = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "resources_by_subject" in plan or "resources_pkey" in plan
    assert "tenant_id" in scan
    assert "type" in scan


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


SECRET = b"s" * 32


def _shuffled(secret: bytes, ids: list[str]) -> list[str]:
    return sorted(ids, key=lambda name: sha256(secret + name.encode()).digest())


@pytest.mark.parametrize("subject", [None, "Patient/p"])
@pytest.mark.parametrize("ids", [None, IDS])
def test_shuffled_pages_join_without_gap_or_overlap(
    filled: PostgresStore, tenant: str, subject: str | None, ids: list[str] | None
) -> None:
    pages, after = [], ""
    while page := filled.search(
        tenant, "Observation", subject=subject, ids=ids, after=after, limit=2, room=ROOM, shuffle=SECRET
    ):
        assert len(page) <= 2
        assert all(each.envelope for each in page)
        pages += [each.id for each in page]
        after = page[-1].id
    assert pages == _shuffled(SECRET, [id for id in IDS if subject is None or id != "b"])


def test_each_secret_gives_an_order_of_its_own(filled: PostgresStore, tenant: str) -> None:
    orders = []
    for secret in (SECRET, b"t" * 32):
        found = filled.search(
            tenant, "Observation", subject=None, ids=None, after="", limit=100, room=ROOM, shuffle=secret
        )
        orders.append([each.id for each in found])
        assert orders[-1] == _shuffled(secret, IDS)
    assert orders[0] != orders[1]


LARGE = 300_000


def test_no_list_is_larger_than_its_room_and_one_row(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    # Repeated, a code is a header that lists its class, and is no other class's.
    writes = [version("Binary", f"b{n}", 1, envelope=bytes([EVERY[n % 6]]) * (LARGE + n)) for n in range(8)]
    postgres_store.commit(tenant, writes, references=(), idempotency=None)
    for asked in ({"subject": None}, {"subject": "Patient/p"}, {"subject": None, "shuffle": SECRET}):
        for ids in (None, [write.id for write in writes]):
            whole = postgres_store.search(tenant, "Binary", ids=ids, after="", limit=100, room=ROOM, **asked)
            assert len(whole) == len(writes)
            pages, after = [], ""
            while page := postgres_store.search(
                tenant, "Binary", ids=ids, after=after, limit=100, room=2 * LARGE, **asked
            ):
                assert len(page) == 2
                pages += page
                after = page[-1].id
            assert pages == whole
    assert [
        each.id for each in postgres_store.search(tenant, "Binary", subject=None, ids=None, after="", limit=100, room=1)
    ] == ["b0"], "the first comes whatever its size"
    assert among_binaries(postgres_store, tenant, room=2 * LARGE) == ["b0", "b1"]
    assert among_binaries(postgres_store, tenant, room=2 * LARGE, after="b5") == ["b6", "b7"]
    assert among_binaries(postgres_store, tenant, room=2 * LARGE + 2) == ["b0", "b1", "b2"]
    assert among_binaries(postgres_store, tenant, room=ROOM, limit=3) == ["b0", "b1", "b2"]


def among_binaries(store: PostgresStore, tenant: str, **asked: Any) -> list[str]:
    search: dict[str, Any] = {"ids": None, "after": "", "limit": 100} | asked
    held = [Holding("Patient/p", EVERY, EVERY)]
    return [each.id for each in store.search_among(tenant, "Binary", among=held, **search)]


def test_what_is_behind_the_room_is_not_even_fetched(postgres_store: PostgresStore, tenant: str, version: Make) -> None:
    """What stands out of line is read when it is sent."""
    writes = [version("Binary", f"b{n}", 1, envelope=bytes([n]) * LARGE) for n in range(8)]
    postgres_store.commit(tenant, writes, references=(), idempotency=None)
    query = within_room("app.search(%b, %b, %b::text, %t::text[], %b, %b::bigint)")
    explain: LiteralString = "EXPLAIN (ANALYZE, BUFFERS, SERIALIZE BINARY, FORMAT JSON) "

    def pages(room: int) -> int:
        [(text,)] = postgres_store._read(tenant, explain + query, "Binary", None, None, "", 100, room)
        [told] = text if isinstance(text, list) else json.loads(text)
        used = (told["Plan"], told["Serialization"])
        return sum(int(part["Shared Hit Blocks"]) + int(part["Shared Read Blocks"]) for part in used)

    pages(ROOM)  # what is looked up once
    assert pages(ROOM) - pages(2 * LARGE) > 6 * LARGE // 8192
