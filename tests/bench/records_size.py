"""Reads and indexed searches in a large database beside the same in one of 10,000 resources.

The large one has 100,000; ``PHIVAULT_BENCH_RESOURCES=1000000 python -m tests.bench records_size`` takes minutes, most
of them to fill it. What is asked for is sealed and indexed by the product, and is the same in both. Around it stand
rows of generated patients, each with 49 observations, under the tokens of 200 resources that the product indexed and a
token of their own.
"""

from __future__ import annotations

import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.adapters.postgres.context import sign
from phivault.adapters.postgres.finding import FIND, of_find
from phivault.records.index.criterion import criterion
from phivault.records.index.key import IndexKey, index_key
from phivault.records.index.tokens import tokens
from phivault.records.json_members import encode
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.stored_consents import StoredConsents
from tests.bench._measure import Figure
from tests.bench._records_turns import Turn, ratio, turns
from tests.support.postgres import CONTEXT_KEY, prepare
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

SMALL = 10_000
LARGE = int(os.environ.get("PHIVAULT_BENCH_RESOURCES", "100000"))
TENANT = "north"
OF_ONE = 50
"""A patient and 49 observations."""
TEMPLATES = 200
ENVELOPE_BYTES = 1600
TURNS = 60
ROOM = 8 << 20
FAMILY, NUMBER, CODE = "Zyxwvuts", "8003608166690503", "29463-7"
SYSTEM = "urn:oid:1.2.36.146"
LOINC = "http://loinc.org"
DAY = "2026-02-03"
MATCHES = 20

# What is lost when the machine fails can be filled again.
FILLING = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "ALTER SYSTEM SET max_wal_size = '16GB'",
    "SELECT pg_reload_conf()",
    "SET synchronous_commit = off",
    "SET maintenance_work_mem = '512MB'",
)
# As the owner of no row: the tables' own checks hold, row-level security doesn't bind the administrator.
ROWS = """INSERT INTO phi.resources (tenant_id, type, id, version, subject, at, envelope)
SELECT %(tenant)s, CASE WHEN n %% %(of_one)s = 0 THEN 'Patient' ELSE 'Observation' END,
  md5(CASE WHEN n %% %(of_one)s = 0 THEN 'p' || n / %(of_one)s ELSE 'o' || n END)::uuid::text,
  1, 'Patient/' || md5('p' || n / %(of_one)s)::uuid::text, timestamptz '2026-01-01' + n * interval '1 second',
  decode(repeat(md5(n::text), %(size)s / 16), 'hex')
FROM generate_series(1, %(count)s) AS n"""
TOKENS = """INSERT INTO phi.search_tokens (tenant_id, token, patient, type, id)
SELECT %(tenant)s, coalesce(t.token, decode(substr(md5(n || 'own' || t.number), 1, 16), 'hex')),
  md5('p' || n / %(of_one)s)::uuid::text, t.type,
  md5(CASE WHEN n %% %(of_one)s = 0 THEN 'p' || n / %(of_one)s ELSE 'o' || n END)::uuid::text
FROM generate_series(1, %(count)s) AS n
JOIN template AS t ON t.of = (n / %(of_one)s + n) %% %(templates)s
  AND t.type = CASE WHEN n %% %(of_one)s = 0 THEN 'Patient' ELSE 'Observation' END"""

KEYS = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'p' AND conrelid IN ('phi.resources'::regclass, 'phi.search_tokens'::regclass)"""
OTHERS = """SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'phi' AND tablename IN ('resources', 'search_tokens')"""


class Place:
    """A database of ``count`` generated resources, and the product on it; all but the database is in memory."""

    def __init__(self, server: Postgres, count: int) -> None:
        prepare(server)
        self._server, self.world = server, World()
        self.store = PostgresStore(server.app_dsn, lambda: CONTEXT_KEY)
        records = self.world.records
        consents = StoredConsents(self.store, self.world.anchors, records.keys, records.now)
        self.world.records = replace(records, store=self.store, consents=consents)
        self.call = self.world.call()
        self.key = index_key(records.keys, TENANT)
        self._fill(count)
        self.patient = self._make()

    def _make(self) -> str:
        """What is searched for: as much in a large database as in a small one. The patient of the observations."""
        family = [{"family": FAMILY, "given": ["Qwerty"]}]
        for _ in range(MATCHES - 1):
            self.world.make("Patient", a_patient(name=family))
        found = self.world.make("Patient", a_patient(name=family, identifier=[{"system": SYSTEM, "value": NUMBER}])).id
        for number in range(MATCHES):
            coded = {"coding": [{"system": LOINC, "code": CODE}]}
            at = f"{DAY}T08:00:{number:02}Z"
            self.world.make("Observation", an_observation(found, code=coded, effectiveDateTime=at))
        return found

    def _fill(self, count: int) -> None:
        with psycopg.connect(self._server.admin_dsn, autocommit=True) as admin:
            given = {"tenant": TENANT, "of_one": OF_ONE, "count": count, "size": ENVELOPE_BYTES, "templates": TEMPLATES}
            for setting in FILLING:
                admin.execute(setting)
            admin.execute("CREATE TEMP TABLE template (of int, type text, number int, token bytea)")
            with admin.cursor() as cursor, cursor.copy("COPY template FROM STDIN") as copy:
                for row in _templates(self.key):
                    copy.write_row(row)
            admin.execute("ANALYZE template")
            with _without_indexes(admin):
                admin.execute(ROWS, given)
                admin.execute(TOKENS, given)
            admin.execute("VACUUM ANALYZE phi.resources")
            admin.execute("VACUUM ANALYZE phi.search_tokens")

    def settle(self) -> None:
        with psycopg.connect(self._server.admin_dsn, autocommit=True) as admin:
            admin.execute("VACUUM ANALYZE phi.resources")
            admin.execute("VACUUM ANALYZE phi.search_tokens")

    def verbs(self) -> dict[str, Callable[[], object]]:
        """What the product answers."""
        records, call = self.world.records, self.call
        number, day = f"{SYSTEM}|{NUMBER}", {"patient": self.patient, "code": f"{LOINC}|{CODE}", "date": DAY}

        def searched(kind: str, matches: int, given: Mapping[str, str]) -> None:
            found = search(records, call, kind, list(given.items()), base_url=BASE_URL, posted=True)
            if found.count != matches:
                raise RuntimeError(f"{found.count} found, not {matches}")

        return {
            "a read": lambda: read(records, call, "Patient", self.patient),
            "a search by identifier": lambda: searched("Patient", 1, {"identifier": number}),
            "a search by family": lambda: searched("Patient", MATCHES, {"family": FAMILY}),
            "a search by patient, code and date": lambda: searched("Observation", MATCHES, day),
        }

    def statements(self) -> dict[str, Callable[[], object]]:
        """What the database answers: of everybody, where the product asks so for those who may look at everybody."""
        coded, dated = self._groups("Observation", code=f"{LOINC}|{CODE}", date=DAY)
        [number] = self._groups("Patient", identifier=f"{SYSTEM}|{NUMBER}")
        [family] = self._groups("Patient", family=FAMILY)
        own = [self.patient]
        return {
            "SQL of a read": lambda: self.store.read(TENANT, "Patient", self.patient),
            "SQL by identifier": lambda: self._find("Patient", [number], None),
            "SQL by family": lambda: self._find("Patient", [family], None),
            "SQL by patient, code and date": lambda: self._find("Observation", [coded, dated], own),
            "SQL by code and date of anybody": lambda: self._find("Observation", [coded, dated], None),
        }

    def _find(self, kind: str, groups: Sequence[Sequence[bytes]], patients: list[str] | None) -> object:
        return self.store.find(
            TENANT,
            kind,
            groups=groups,
            patients=patients,
            ids=None,
            since=None,
            until=None,
            after=("", ""),
            limit=100,
            room=ROOM,
        )

    def _groups(self, kind: str, **given: str) -> list[tuple[bytes, ...]]:
        return [criterion(kind, name, [value]).groups(self.key) for name, value in given.items()]

    def plans(self) -> Iterator[tuple[str, list[str]]]:
        """Of each search: how the index of tokens is read, as PostgreSQL explains what it ran inside its function."""
        coded, dated = self._groups("Observation", code=f"{LOINC}|{CODE}", date=DAY)
        [number] = self._groups("Patient", identifier=f"{SYSTEM}|{NUMBER}")
        [family] = self._groups("Patient", family=FAMILY)
        asked: dict[str, tuple[str, list[Sequence[bytes]], list[str] | None]] = {
            "identifier": ("Patient", [number], None),
            "family": ("Patient", [family], None),
            "patient, code and date": ("Observation", [coded, dated], [self.patient]),
        }
        for name, (kind, groups, patients) in asked.items():
            arguments = of_find(kind, groups, patients, None, (None, None), ("", ""), (100, ROOM))
            told = self._explained(FIND, arguments)
            yield name, re.findall(r"([A-Z][A-Za-z ]*) using (?:search_tokens\w*)", told)

    def _explained(self, query: Any, arguments: tuple[Any, ...]) -> str:
        """As the application's role, which row-level security binds."""
        told: list[str] = []
        with psycopg.connect(self._server.admin_dsn, autocommit=True) as admin:
            admin.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
            for statement in (
                "LOAD 'auto_explain'",
                "SET auto_explain.log_min_duration = 0",
                "SET auto_explain.log_nested_statements = on",
                "SET client_min_messages = log",
                "SET ROLE phivault_app",
            ):
                admin.execute(statement)
            context = sign(*CONTEXT_KEY, tenant=TENANT, backend_pid=admin.info.backend_pid, role=admin.info.user)
            admin.execute(query, (context, *arguments))
        return "\n".join(told)

    def close(self) -> None:
        self.store.close()


@contextmanager
def _without_indexes(admin: psycopg.Connection[Any]) -> Iterator[None]:
    """Indexes are made again once the tables are full: in order, which is faster than row by row."""
    keys: list[Any] = admin.execute(KEYS).fetchall()
    for table, name, _ in keys:
        admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    others: list[Any] = admin.execute(OTHERS).fetchall()
    for name, _ in others:
        admin.execute(f"DROP INDEX phi.{name}")
    yield
    for table, name, definition in keys:
        admin.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for _, definition in others:
        admin.execute(definition)


def _templates(key: IndexKey) -> Iterator[tuple[int, str, int, bytes | None]]:
    """The tokens that resources share; None stands for one of a resource's own, as of its patient or a number."""
    chosen = random.Random(11)
    for of in range(TEMPLATES):
        code = {"coding": [{"system": LOINC, "code": f"{10_000 + of % 60}-{of % 9}"}]}
        day = f"{2016 + of % 10}-{1 + of % 12:02}-{1 + chosen.randrange(28):02}"
        seen = _members(an_observation("0", code=code, effectiveDateTime=f"{day}T08:00:00Z"), "subject")
        person = _members(a_patient(name=[{"family": f"Family{of}", "given": [f"Given{of % 40}"]}], birthDate=day))
        for kind, members in (("Observation", seen), ("Patient", person)):
            shared = sorted(tokens(key, kind, members))
            yield from ((of, kind, number, token) for number, token in enumerate(shared))
            yield of, kind, len(shared), None


def _members(resource: Mapping[str, Any], *without: str) -> dict[str, bytes]:
    return {name: encode(value) for name, value in resource.items() if name not in ("resourceType", *without)}


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="phivault-bench-") as folder, ExitStack() as ends:
        places = {}
        for count in (SMALL, LARGE):
            server = ends.enter_context(Postgres.start(Path(folder) / str(count)))
            began = time.monotonic()
            places[count] = Place(server, count)
            ends.callback(places[count].close)
            told = f"  {count} resources in {time.monotonic() - began:.0f} s"
            print(told, file=sys.stderr, flush=True)  # noqa: T201  (a command)
        for place in places.values():
            place.settle()
        taken = _taken(places)
        for name in places[SMALL].verbs():
            yield Figure(f"{name} at {LARGE} resources / at {SMALL}", _grown(taken, name), 1.2)
        for name in places[SMALL].statements():
            yield Figure(f"{name} at {LARGE} / at {SMALL}", _grown(taken, name))
            least = min(turn[f"{name} {LARGE}"].wall for turn in taken)
            yield Figure(f"{name} at {LARGE}, microseconds at best", least * 1e6)
        for name, scans in places[LARGE].plans():
            only = sum("Index Only" in scan for scan in scans)
            yield Figure(f"looks into the index of tokens that read its table, too: {name}", len(scans) - only, 0)


def _taken(places: Mapping[int, Place]) -> list[Turn]:
    calls = {
        f"{name} {count}": call
        for count, place in places.items()
        for name, call in (place.verbs() | place.statements()).items()
    }
    turns(calls, 3)  # until plans and pages are kept
    return turns(calls, TURNS)


def _grown(taken: Sequence[Turn], name: str) -> float:
    return ratio(taken, [f"{name} {LARGE}"], [f"{name} {SMALL}"], "wall")
