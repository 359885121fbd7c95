"""Lists of what subjects own and a caller may see something of: what PostgreSQL reads in the headers of envelopes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.crypto.element import Element, SealContext
from phivault.crypto.envelope import seal
from phivault.crypto.header import CODES
from phivault.crypto.subject_key import SubjectKey
from phivault.records.store import Holding, HoldingType, SealedHistory, SealedVersion
from tests.support.records_fakes import MemoryResources

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = bytes(CODES.values())
SETS = [{"administrative"}, {"sensitive"}, {"administrative", "clinical"}, {"identifying", "sensitive"}, {*CODES}]
PLACES: dict[str, Any] = {"ids": None, "limit": 100, "room": 1 << 30}


def codes(*names: str) -> bytes:
    return bytes(CODES[name] for name in names)


def rows(tenant: str) -> list[SealedVersion]:
    """Four of each of three patients, with every set of classes; what is no envelope; times that repeat."""
    chosen = random.Random(3)
    made = []
    for number, (patient, kinds) in enumerate(product("pqr", [*SETS, None])):
        subject, id = f"Patient/{patient}", f"o{chosen.randrange(10**6)}-{number}"
        elements = [Element(f"e{n}", kind, b"x" * 50) for n, kind in enumerate(sorted(kinds or ()))]
        key = SubjectKey(tenant, subject, 1, bytes(32))
        sealed = seal(key, SealContext(tenant, subject, "Observation", id, 1), elements) if elements else b"no envelope"
        at = BEGIN + timedelta(hours=chosen.randrange(4))
        made.append(SealedVersion("Observation", id, 1, subject, at, sealed, patient))
    return made


class Both:
    """The store and what stands for it in other tests: they must say the same."""

    def __init__(self, store: PostgresStore, tenant: str) -> None:
        self._stores, self._tenant = (store, MemoryResources([])), tenant
        self.rows = rows(tenant)
        for each in self._stores:
            each.commit(tenant, self.rows, references=(), idempotency=None)

    def among(self, *among: Holding, **asked: Any) -> list[str]:
        return self._same("search_among", among=among, **PLACES | {"after": ""} | asked)

    def recent(self, *among: Holding, **asked: Any) -> list[str]:
        options = {"by_time": True, "backwards": False, "since": None, "until": None, "after": None}
        return self._same("recent_among", among=among, **PLACES | options | asked)

    def _same(self, call: str, **asked: Any) -> list[str]:
        real, memory = ([e.id for e in getattr(s, call)(self._tenant, "Observation", **asked)] for s in self._stores)
        assert real == memory
        return real


@pytest.fixture
def both(postgres_store: PostgresStore, tenant: str) -> Both:
    return Both(postgres_store, tenant)


@pytest.mark.parametrize("found", [EVERY, codes("sensitive"), codes("administrative", "contact"), codes("clinical")])
@pytest.mark.parametrize("shown", [EVERY, codes("sensitive"), codes("administrative")])
def test_only_what_holds_a_class_of_both_is_met(both: Both, found: bytes, shown: bytes) -> None:
    met = set(both.among(Holding("Patient/p", found, shown)))
    assert met == set(both.recent(Holding("Patient/p", found, shown)))
    for row, kinds in zip(both.rows, [*SETS, None], strict=False):
        listed = codes(*kinds) if kinds else EVERY
        assert (row.id in met) is bool(set(listed) & set(found) and set(listed) & set(shown))


def test_each_subject_has_sets_of_its_own(both: Both) -> None:
    of_p, of_q = Holding("Patient/p", EVERY, EVERY), Holding("Patient/q", codes("contact"), EVERY)
    assert both.among(of_p, of_q) == both.among(of_p) + both.among(of_q)
    assert set(both.recent(of_p, of_q)) == {*both.among(of_p), *both.among(of_q)}
    assert len(both.among(of_p)) == 6
    assert len(both.among(of_q)) == 2


def test_no_sets_meet_nothing_but_what_is_no_envelope(both: Both) -> None:
    """That is for the reader to refuse."""
    assert len(both.among(Holding("Patient/p", b"", EVERY))) == 1
    assert both.among() == both.recent() == []


@pytest.mark.parametrize("by_time", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
def test_pages_join_without_gap_or_overlap(both: Both, by_time: bool, backwards: bool) -> None:
    among = [Holding(f"Patient/{each}", EVERY, codes("administrative")) for each in "pqr"]
    order: dict[str, Any] = {"by_time": by_time, "backwards": backwards}
    at = {row.id: row.at for row in both.rows}
    pages: list[str] = []
    while page := both.recent(*among, limit=2, after=(at[pages[-1]], pages[-1]) if pages else None, **order):
        assert len(page) <= 2
        pages += page
    assert pages == both.recent(*among, **order)
    assert len(pages) == 3 * 4


def test_bounds_hold(both: Both) -> None:
    every = Holding("Patient/p", EVERY, EVERY)
    hour = timedelta(hours=1)
    for since, until in ((BEGIN + hour, None), (None, BEGIN + 2 * hour), (BEGIN + hour, BEGIN + 3 * hour)):
        both.recent(every, since=since, until=until)
    some = both.among(every)[1:3]
    assert both.among(every, ids=some) == some
    assert both.among(every, after=some[0])[0] == some[1]
    assert len(both.recent(every, room=1)) == 1


def test_each_patient_of_many_has_sets_of_their_own_in_any_order(both: Both) -> None:
    """Three different pairs of sets: none is taken for another's, wherever the page begins."""
    among = [
        Holding("Patient/p", codes("sensitive"), EVERY),
        Holding("Patient/q", EVERY, codes("clinical")),
        Holding("Patient/r", codes("contact"), codes("contact")),
    ]
    each = [set(both.recent(one)) for one in among]
    for by_time, backwards in product([True, False], repeat=2):
        assert set(both.recent(*among, by_time=by_time, backwards=backwards)) == set.union(*each)
    assert [len(ids) for ids in each] == [4, 3, 2]


class About:
    """What there is about one patient, of two types and relatives, and a resource of many versions."""

    def __init__(self, store: PostgresStore, tenant: str) -> None:
        self._stores, self._tenant = (store, MemoryResources([])), tenant
        chosen = random.Random(5)
        for version in range(1, 41):
            kinds = None if version % 13 == 0 else chosen.choice(SETS)
            self._write(a_version(tenant, "Condition", "c", version, kinds, chosen.randrange(3000)))
        for number, kinds in enumerate(SETS * 2):
            self._write(a_version(tenant, "Observation", f"o{number}", 1, kinds, 50))
            relative = a_version(tenant, "RelatedPerson", f"r{number}", 1, kinds, 50, owner=f"RelatedPerson/r{number}")
            self._write(replace(relative, tokens=frozenset({b"relative"})))
            self._write(a_version(tenant, "Observation", f"q{number}", 1, kinds, 50, owner="Patient/q"))

    def _write(self, row: SealedVersion) -> None:
        for store in self._stores:
            store.commit(self._tenant, [row], references=(), idempotency=None)

    def history(
        self, shown: bytes, before: int = 41, limit: int = 99, room: int = 1 << 30, **asked: Any
    ) -> SealedHistory:
        options = {"since": None} | asked
        real, memory = (
            store.history(self._tenant, "Condition", "c", shown=shown, before=before, limit=limit, room=room, **options)
            for store in self._stores
        )
        assert real == memory
        return real

    def of_patient(self, *types: HoldingType, **asked: Any) -> list[tuple[str, str]]:
        options = {"relatives": [b"relative"], "after": ("", ""), "since": None, "limit": 99, "room": 1 << 30} | asked
        real, memory = (
            [(row.type, row.id) for row in store.of_patient(self._tenant, "p", types=types, **options)]
            for store in self._stores
        )
        assert real == memory
        return real


def a_version(
    tenant: str, type: str, id: str, version: int, kinds: set[str] | None, size: int, owner: str = "Patient/p"
) -> SealedVersion:
    """With elements of these classes, so large together; a deletion where there are none."""
    elements = [Element(f"e{n}", kind, b"x" * size) for n, kind in enumerate(sorted(kinds or ()))]
    key = SubjectKey(tenant, owner, 1, bytes(32))
    sealed = seal(key, SealContext(tenant, owner, type, id, version), elements) if elements else None
    return SealedVersion(
        type, id, version, owner, BEGIN + timedelta(hours=version), sealed, "q" if owner[-1] == "q" else "p"
    )


@pytest.fixture
def about(postgres_store: PostgresStore, tenant: str) -> About:
    return About(postgres_store, tenant)


@pytest.mark.parametrize("shown", [EVERY, codes("sensitive"), codes("contact"), b""])
def test_versions_that_hold_nothing_of_it_are_not_met_but_counted(about: About, shown: bytes) -> None:
    whole = about.history(shown)
    assert (whole.low, whole.present) == (1, 40)
    assert {13, 26, 39} <= {row.version for row in whole.rows}
    assert about.history(shown, since=BEGIN + timedelta(hours=20)).present is None
    assert about.history(EVERY).rows[:40] == about.history(EVERY, limit=40).rows


@given(
    shown=st.sets(st.sampled_from(sorted(CODES))),
    before=st.integers(1, 41),
    limit=st.integers(1, 12),
    room=st.integers(1, 20000),
    since=st.none() | st.integers(0, 41),
)
@example(shown={"contact"}, before=41, limit=3, room=1, since=None)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_page_of_versions_says_how_far_it_looked(
    about: About, shown: set[str], before: int, limit: int, room: int, since: int | None
) -> None:
    asked = {"since": None if since is None else BEGIN + timedelta(hours=since)}
    page = about.history(codes(*shown), before, limit, room, **asked)
    assert page.present == (before - page.low if since is None else None)
    joined, place = list(page.rows), page.low
    while place > 1:
        page = about.history(codes(*shown), place, limit, room, **asked)
        joined, place = joined + page.rows, page.low
    assert joined == about.history(codes(*shown), before, **asked).rows


def test_a_version_that_was_taken_away_is_not_counted(about: About, postgres: Postgres, tenant: str) -> None:
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as admin:
        admin.execute("DELETE FROM phi.history WHERE tenant_id = %s AND version = 7", (tenant,))
    del about._stores[1].versions[tenant, "Condition", "c"][6]
    assert about.history(b"").present == 39
    assert about.history(b"", before=8, limit=1).present == 6


def test_each_type_has_sets_of_its_own(about: About) -> None:
    seen = HoldingType("Observation", EVERY, codes("sensitive"))
    relatives = HoldingType("RelatedPerson", codes("clinical"), EVERY)
    nothing = HoldingType("Condition", EVERY, b"")
    ids = about.of_patient(seen, relatives, nothing)
    assert ids == about.of_patient(seen) + about.of_patient(relatives)
    assert ids == about.of_patient(relatives, nothing, seen)
    assert [len(about.of_patient(each)) for each in (seen, relatives, nothing)] == [6, 4, 0]
    pages: list[tuple[str, str]] = []
    while page := about.of_patient(seen, relatives, nothing, limit=2, after=pages[-1] if pages else ("", "")):
        pages += page
    assert pages == ids
    assert about.of_patient(seen, relatives, room=1) == ids[:1]
    assert about.of_patient(seen, since=BEGIN + timedelta(hours=2)) == []


@given(
    envelope=st.binary(min_size=1, max_size=120) | st.binary(min_size=5000, max_size=6000),
    count=st.none() | st.integers(0, 90),
    finds=st.binary(max_size=8),
    shows=st.binary(max_size=8),
)
@example(envelope=bytes(42), count=None, finds=b"", shows=b"")
@example(envelope=bytes(43), count=65535, finds=b"\0", shows=b"\0")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_headers_are_read_alike(
    postgres: Postgres, envelope: bytes, count: int | None, finds: bytes, shows: bytes
) -> None:
    """Whatever bytes they are: here and in memory."""
    if count is not None and len(envelope) > 42:
        envelope = envelope[:38] + count.to_bytes(2) + envelope[40:]
    listed = set(envelope[42 : 42 + int.from_bytes(envelope[38:40])])
    expected = len(envelope) <= 42 or bool(listed & set(finds) and listed & set(shows))
    with psycopg.connect(postgres.app_dsn) as app:
        told = app.execute("SELECT app.holds_of_both(%b, %b, %b)", (envelope, finds, shows)).fetchone()
    assert told == (expected,)


def test_there_are_no_more_classes_than_the_database_looks_for() -> None:
    assert len(CODES) <= 8
