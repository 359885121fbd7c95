"""The function is killed before each of its calls over the network in turn, and while the database commits: whatever
stands in the database stands in the log, and the same request sent again is done once."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from phivault.adapters.postgres import PostgresStore
from phivault.adapters.tenant_context_key import PURPOSE
from phivault.errors import Unavailable
from tests.support.answers import ok, persistently
from tests.support.faulty import Faulty
from tests.support.locked_log import LockedLog
from tests.support.stack import RunningStack

TENANT = "tenant-b"
TYPES = ("Patient", "Practitioner", "Observation")
COMMIT = "postgres commit_indexed"
"""The step that writes rows, what finds them and the idempotency key, all or nothing."""
EVERYTHING: dict[str, Any] = {"subject": None, "ids": None, "after": "", "limit": 10_000, "room": 1 << 30}
type Row = tuple[str, str, int, str]
"""Type, id, version and the SHA-256 of the envelope ("" for a deletion)."""


@pytest.fixture(scope="module")
def faulty(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    with Faulty(stack, tmp_path_factory.mktemp("faulty") / "functions.log") as gateway:
        yield gateway


@dataclass
class Database:
    """Every version that stands in the tenant, read past the functions."""

    store: PostgresStore

    def rows(self) -> set[Row]:
        """Read until two readings agree: types are read one by one, and a commit whose sender died may still run."""
        earlier, now = None, self._read()
        while now != earlier:
            time.sleep(0.05)
            earlier, now = now, self._read()
        return now

    def _read(self) -> set[Row]:
        newest = [
            row for kind in TYPES for row in _patiently(lambda k=kind: self.store.search(TENANT, k, **EVERYTHING))
        ]
        return {(row.type, row.id, row.version, _digest(row.envelope)) for row in newest}

    def row(self, type: str, id: str) -> Row:
        row = _patiently(lambda: self.store.read(TENANT, type, id))
        assert row is not None
        return row.type, row.id, row.version, _digest(row.envelope)


def _patiently[T](look: Callable[[], T]) -> T:
    """What was asked of the database, asked again where a busy machine didn't answer in time."""
    for _ in range(4):
        with contextlib.suppress(Unavailable):
            return look()
        time.sleep(1)
    return look()


def _digest(envelope: bytes | None) -> str:
    return "" if envelope is None else hashlib.sha256(envelope).hexdigest()


@pytest.fixture(scope="module")
def database(stack: RunningStack, faulty: Faulty) -> Iterator[Database]:
    wrapped = json.loads(faulty.environment_of("records")["PHIVAULT_TENANT_CONTEXT_KEYS"])
    key_id, blob = list(wrapped.items())[-1]
    opened = stack.aws("kms").decrypt(CiphertextBlob=base64.b64decode(blob), EncryptionContext=PURPOSE)
    store = PostgresStore(stack.facts["postgres_dsn"], lambda: (key_id, opened["Plaintext"]))
    yield Database(store)
    store.close()


@dataclass
class Write:
    """A write to be killed. ``made`` answers the versions that came to stand since it was prepared."""

    method: str
    path: str
    body: dict[str, Any] | None
    made: Callable[[], set[Row]]
    rows: int
    key: str

    def send(self, client: httpx.Client) -> httpx.Response:
        return client.request(self.method, self.path, json=self.body, headers={"Idempotency-Key": self.key})

    def repeat(self, client: httpx.Client) -> httpx.Response:
        """As a client sends again what wasn't answered."""
        headers = {"Idempotency-Key": self.key}
        return persistently(client, self.method, self.path, json=self.body, headers=headers)


def patient() -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": f"Generated-{secrets.token_hex(4)}"}]}


def observation(subject: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Glucose"},
        "subject": {"reference": subject},
    }


class Writes:
    """Fresh writes of each kind, as the tenant's clinician."""

    def __init__(self, stack: RunningStack, database: Database) -> None:
        self._client, self._database = stack.api("clinician", TENANT), database

    def create(self) -> Write:
        return self._new("POST", "/fhir/Patient", patient(), rows=1)

    def transaction(self) -> Write:
        place = f"urn:uuid:{uuid.uuid4()}"
        resources = [(place, patient()), ("", {"resourceType": "Practitioner", "active": True})]
        resources += [("", observation(place)) for _ in range(2)]
        entries = [
            {"resource": body, "request": {"method": "POST", "url": body["resourceType"]}}
            | ({"fullUrl": url} if url else {})
            for url, body in resources
        ]
        return self._new("POST", "/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": entries}, rows=4)

    def update(self) -> Write:
        made = ok(persistently(self._client, "POST", "/fhir/Patient", json=patient()), 201)
        return self._of_existing("PUT", made["id"], patient() | {"id": made["id"]})

    def delete(self) -> Write:
        made = ok(persistently(self._client, "POST", "/fhir/Patient", json=patient()), 201)
        return self._of_existing("DELETE", made["id"], None)

    def _new(self, method: str, path: str, body: dict[str, Any], rows: int) -> Write:
        before = self._database.rows()
        return Write(method, path, body, lambda: self._database.rows() - before, rows, secrets.token_hex(8))

    def _of_existing(self, method: str, id: str, body: dict[str, Any] | None) -> Write:
        before = self._database.row("Patient", id)
        made = lambda: {self._database.row("Patient", id)} - {before}  # noqa: E731  (a value, as in _new)
        return Write(method, f"/fhir/Patient/{id}", body, made, 1, secrets.token_hex(8))


def recorded(log: LockedLog) -> set[Row]:
    """The versions that successful events of the log speak of."""
    return {
        (event["resource"], event["resource_id"], event["version"], event["envelope"])
        for event in log.events(success=True, tenant=TENANT)
        if event["action"] in {"fhir.create", "fhir.update", "fhir.delete"}
    }


def kills(steps: list[str]) -> list[tuple[int, str]]:
    commit = steps.index(COMMIT)
    return [(at, "kill") for at in range(len(steps))] + [(commit, "kill within")] * 2


@pytest.mark.parametrize("verb", ["create", "update", "delete", "transaction"])
def test_both_row_and_record_or_only_the_record(
    stack: RunningStack, faulty: Faulty, database: Database, locked_log: LockedLog, verb: str
) -> None:
    prepare = getattr(Writes(stack, database), verb)
    here, elsewhere = faulty.api("clinician", TENANT), stack.api("clinician", TENANT)
    whole = prepare()
    assert whole.send(here).is_success
    assert len(whole.made()) == whole.rows
    steps = faulty.seen.steps
    commit = steps.index(COMMIT)
    record = max(at for at in range(commit) if steps[at] == "S3 PUT")  # a new subject's key is on record before
    for at, how in kills(steps):
        write = prepare()
        before = recorded(locked_log)
        faulty.break_next(at, how)
        assert write.send(here).status_code == 500, (steps, faulty.seen.steps)
        assert (faulty.seen.steps, faulty.seen.answered) == (steps[: at + 1], False)
        rows, records = write.made(), recorded(locked_log) - before
        assert len(records) == (write.rows if at > record else 0), steps[at]
        assert len(rows) in ({0, write.rows} if how == "kill within" or at > commit else {0}), steps[at]
        assert rows <= records, steps[at]

        answer = write.repeat(elsewhere)
        assert answer.is_success, (steps[at], answer.text)
        made = write.made()
        assert len(made) == write.rows, steps[at]
        assert made <= recorded(locked_log) - before, steps[at]
    locked_log.chains_hold()
