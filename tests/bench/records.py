"""One read through the function beside its parts, each measured alone, and a page of 50 beside one read.

PostgreSQL and AWS answer on this machine (moto, in a process of its own). CPU is that of this process: our work and the
libraries'. Time is what a caller waits, most of it for moto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import psycopg
from aws_lambda_powertools.event_handler import Response

from local.worker import Context
from phivault import bootstrap, web
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.adapters.aws import client
from phivault.adapters.dynamodb_tenant_rules import rules_key
from phivault.adapters.fact_rows import patient_key, policies_key, user_key
from phivault.adapters.postgres.context import sign
from phivault.adapters.session_rows import Row, items, session_key
from phivault.audit.event import Action
from phivault.ids import uuid7
from phivault.records.address import address
from phivault.records.authorise import Authority
from phivault.records.call import Call
from phivault.records.events import Trail
from phivault.records.operation_outcome import outcome
from phivault.records.released import Released, decide, reveal
from phivault.settings import settings
from tests.bench._measure import Figure
from tests.bench._records_stage import TENANT, USER, Stage, source, stage
from tests.bench._records_turns import Turn, Unit, ratio, turns
from tests.support.fhir import observation, patient
from tests.support.postgres import CONTEXT_KEY

TURNS = 120
PAGE = 50
UNITS: Mapping[Unit, str] = {"cpu": "CPU", "wall": "time"}
INSTANCE = "/v1/fhir/{type}/{id}"
type Calls = dict[str, Callable[[], object]]


def figures() -> Iterator[Figure]:
    with stage() as here:
        about = here.make(patient())
        entry = {"request": {"method": "POST", "url": "Observation"}, "resource": observation(about)}
        here.ask(here.transaction([entry] * PAGE))
        whole = _whole(here, about)
        with _Reading(here, about) as reading:
            taken = turns(whole | reading.parts() | reading.bare(), TURNS)
            parts, bare = list(reading.parts()), list(reading.bare())
        yield from _one_read(taken, parts, bare)
        yield from _pages(taken)


def _whole(here: Stage, about: str) -> Calls:
    read = here.event("GET", INSTANCE, type="Patient", id=about)
    page = here.event("GET", "/v1/fhir/{type}", query={"patient": about, "_count": str(PAGE)}, type="Observation")
    if len(here.ask(page)["entry"]) != PAGE:
        raise RuntimeError("The page isn't one of 50")
    return {"read": lambda: here.ask(read), "page": lambda: here.ask(page)}


def _one_read(taken: list[Turn], parts: list[str], bare: list[str]) -> Iterator[Figure]:
    for unit, called in UNITS.items():
        yield Figure(
            f"{called} of a read through the function / its parts alone", ratio(taken, ["read"], parts, unit), 1.3
        )
    for unit, called in UNITS.items():
        yield Figure(f"{called} of the same / bare calls of its libraries", ratio(taken, ["read"], bare, unit))
    for name in parts:
        yield Figure(f"CPU of {name} / of a read", ratio(taken, [name], ["read"], "cpu"))
    for name in bare:
        yield Figure(f"CPU of {name} / of a read", ratio(taken, [name], ["read"], "cpu"))


def _pages(taken: list[Turn]) -> Iterator[Figure]:
    for unit, called in UNITS.items():
        yield Figure(
            f"{called} of a page of {PAGE} of one patient / one read", ratio(taken, ["page"], ["read"], unit), 4
        )


class _Reading:
    """The steps of a read: as the function takes them, each with what those before it gave, and as bare calls of the
    libraries under them."""

    def __init__(self, here: Stage, about: str) -> None:
        self._here, self._about = here, about
        self._records, self._sessions = bootstrap.records(), bootstrap.sessions()
        self._call = Call(self._principal(), Purpose(PurposeOfUse.TREATMENT, asserted=False), uuid7())
        self._trail = Trail(self._records, self._call, Action.READ, address("Patient", about))
        self._authority = Authority(self._trail)
        sealed = self._records.store.read(TENANT, "Patient", about)
        assert sealed is not None
        self._sealed = sealed
        self._trail.about(version=sealed.version, patient=about)
        view = decide(self._authority, "read", sealed, about)
        assert view is not None
        self._view, self._released = view, reveal(self._trail, view)
        self._router = _router(self._released)
        self._event = here.event("GET", INSTANCE, type="Patient", id=about)
        if self._router(self._event, Context("records", uuid7()))["statusCode"] != 200:
            raise RuntimeError("The routes don't lead anywhere")

    def __enter__(self) -> _Reading:
        self._connection = psycopg.connect(self._here.server.app_dsn, autocommit=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _principal(self) -> Any:
        return self._sessions.authenticate(self._here.claims, source())

    def parts(self) -> Calls:
        records, call, about = self._records, self._call, self._about
        return {
            "routing": lambda: self._router(self._event, Context("records", uuid7())),
            "the session": self._principal,
            "the sealed row": lambda: records.store.read(TENANT, "Patient", about),
            "its anchor": lambda: records.anchors.load(TENANT, [("Patient", about)])(),
            "the facts": lambda: records.facts.load(call.principal, call.purpose, [about]),
            "the consents": lambda: records.consents.load(call.principal, call.purpose, [about]),
            "deciding": lambda: decide(self._authority, "read", self._sealed, about),
            "the record": lambda: self._trail.record(self._trail.event(self._view.classes)),
            "unsealing and writing": lambda: reveal(self._trail, self._view),
        }

    def bare(self) -> Calls:
        """No locks, no checks, no retries, nothing read out of the answers."""
        table, about = settings().access_state_table, self._about
        session = session_key(USER, self._here.claims["origin_jti"])
        return {
            "bare: routing": lambda: self._router(self._event, Context("records", uuid7())),
            "bare: a BatchGetItem of 3 rows": lambda: _get(table, session, rules_key(TENANT), policies_key(TENANT)),
            "bare: a BatchGetItem of 2 rows": lambda: _get(
                table, user_key(TENANT, about, USER), patient_key(TENANT, about)
            ),
            "bare: a BatchGetItem of 1 row": lambda: _get(table, _row("anchor")),
            "bare: the SQL of the row": lambda: self._sql("SELECT * FROM app.read(%b, %b, %b)", "Patient", about),
            "bare: the SQL of the consents": lambda: self._sql(
                "SELECT * FROM app.of_subjects(%b, %b, %t::text[])", "Consent", [f"Patient/{about}"]
            ),
            "bare: a PutObject": self._put,
            "bare: a BatchWriteItem of 1 row": _write,
        }

    def _sql(self, query: Any, *arguments: Any) -> None:
        info = self._connection.info
        context = sign(*CONTEXT_KEY, tenant=TENANT, backend_pid=info.backend_pid, role=info.user)
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(query, (context, *arguments)).fetchall()

    def _put(self) -> None:
        client("s3", read_timeout=1.0, attempts=1).put_object(
            Bucket=settings().audit_bucket,
            Key=f"ev/bench/{uuid7()}",
            Body=b"x" * 900,
            IfNoneMatch="*",
            ChecksumAlgorithm="SHA256",
            ServerSideEncryption="AES256",
            ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=datetime.now(UTC) + timedelta(days=1),
        )


def _router(released: Released) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A resolver with the function's routes, each answering with this resource."""
    from functions.records import answers  # the stage's settings must stand before the function is imported
    from functions.records.routes import app

    other = web.resolver("records", outcome)

    def answer(**_: str) -> Response[str]:
        return answers.resource(released)

    theirs = (*app._static_routes, *app._dynamic_routes)  # there is no public list
    rules = {(route.method, route.path) for route in theirs}
    with patch.dict(web.OPERATIONS):  # what the function's own routes say of themselves stays
        for method, path in list(web.OPERATIONS):
            if (method, path.replace("{", "<").replace("}", ">").replace("$", r"\$")) in rules:
                web.operation(other, method, path, web.Operation(summary="", permission="", audit=()))(answer)
    return other.resolve


def _row(name: str) -> Row:
    return {"pk": f"BENCH#{name}", "sk": "NONE"}


def _get(table: str, *keys: Row) -> None:
    wanted: Any = {"Keys": [items(key) for key in keys], "ConsistentRead": True}
    client("dynamodb").batch_get_item(RequestItems={table: wanted})


def _write() -> None:
    row = {"by_day": "T#bench#2026-01-01#0", "at": uuid7(), "line": "x" * 900, "object": "x" * 70}
    row |= {"by_patient": f"P#bench#{'0' * 32}", "by_user": "U#bench#0#2026"}
    client("dynamodb", read_timeout=0.5, attempts=1).batch_write_item(
        RequestItems={settings().audit_index_table: [{"PutRequest": {"Item": items(row)}}]}
    )
