"""Transactions and batches run while the function, the gateway or PostgreSQL is killed with SIGKILL: each bundle stands
whole or not at all, and sent again under its key it stands once.

Each bundle changes a patient of its own and adds observations of theirs, so that the database, whose values are sealed,
shows how much of it was written."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support import processes
from tests.support.answers import ok, persistently
from tests.support.fhir import observation, patient
from tests.support.gateway_process import GatewayProcess

if TYPE_CHECKING:
    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack

CLIENTS = 4
OBSERVATIONS = 8
PEOPLE = 30
"""Of one round; more than its clients get to."""
AGAIN_SECONDS = 60.0
ROWS = """SELECT
  (SELECT version FROM phi.resources WHERE tenant_id = %(tenant)s AND type = 'Patient' AND id = %(patient)s),
  ARRAY(SELECT id FROM phi.resources WHERE tenant_id = %(tenant)s AND type = 'Observation' AND subject = %(subject)s),
  (SELECT count(*) FROM phi.history WHERE tenant_id = %(tenant)s AND subject = %(subject)s),
  (SELECT count(DISTINCT id) FROM phi.search_tokens
   WHERE tenant_id = %(tenant)s AND type = 'Observation' AND patient = %(patient)s),
  (SELECT count(*) FROM app.idempotency WHERE tenant_id = %(tenant)s AND key_hash = %(key)s)"""


@dataclass
class Sent:
    """A bundle. ``answer`` is None where none came, or none that says what was done."""

    kind: str
    patient: str
    key: str = field(default_factory=lambda: secrets.token_hex(8))
    answer: list[str] | None = None

    def body(self) -> bytes:
        changed = patient(id=self.patient, gender="other")
        entries = [{"resource": changed, "request": {"method": "PUT", "url": f"Patient/{self.patient}"}}]
        entries += [
            {"resource": observation(self.patient), "request": {"method": "POST", "url": "Observation"}}
            for _ in range(OBSERVATIONS)
        ]
        return json.dumps({"resourceType": "Bundle", "type": self.kind, "entry": entries}).encode()

    def send(self, client: httpx.Client) -> httpx.Response:
        headers = {"Content-Type": "application/fhir+json", "Idempotency-Key": self.key}
        return client.post("/fhir", content=self.body(), headers=headers)


def made_by(answer: httpx.Response) -> list[str]:
    """The observations' ids, and that every entry went well."""
    responses = [entry["response"] for entry in answer.json()["entry"]]
    assert [each["status"][:3] for each in responses] == ["200"] + ["201"] * OBSERVATIONS
    return sorted(each["location"].split("Observation/")[1].split("/")[0] for each in responses[1:])


@dataclass(frozen=True)
class Standing:
    version: int
    observations: list[str]
    earlier: int
    indexed: int
    keys: int

    @property
    def whole(self) -> bool:
        counts = (self.version, len(self.observations), self.earlier, self.indexed, self.keys)
        return counts == (2, OBSERVATIONS, 1, OBSERVATIONS, 1)

    @property
    def nothing(self) -> bool:
        return (self.version, self.observations, self.earlier, self.indexed, self.keys) == (1, [], 0, 0, 0)


class Database:
    """Read past the functions, by the superuser."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack, self._tenant = stack, stack.tenants[0]

    def standing(self, bundles: list[Sent]) -> list[Standing]:
        """Once nothing is at work any more: what was sent before its sender died may still run."""
        from tests.support.stored import superuser

        with superuser(self._stack) as connection:
            busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'phivault_app' AND state <> 'idle'"
            deadline = time.monotonic() + 60
            while connection.execute(busy).fetchone() != (0,):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            found = []
            for each in bundles:
                asked = {
                    "tenant": self._tenant,
                    "patient": each.patient,
                    "subject": f"Patient/{each.patient}",
                    "key": sha256(each.key.encode()).digest(),
                }
                row = connection.execute(ROWS, asked).fetchone()
                assert row is not None
                found.append(Standing(row[0], sorted(row[1]), *row[2:]))
            return found


@pytest.fixture(scope="module")
def gateway(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    started = GatewayProcess.start(stack, tmp_path_factory.mktemp("killed") / "functions.log")
    yield started
    started.stop()


def people(client: httpx.Client) -> list[str]:
    entries = [{"resource": patient(), "request": {"method": "POST", "url": "Patient"}} for _ in range(PEOPLE)]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    made = ok(persistently(client, "POST", "/fhir", json=bundle))["entry"]
    return [entry["response"]["location"].split("Patient/")[1].split("/")[0] for entry in made]


def under_load(stack: RunningStack, gateway: GatewayProcess, kill: Callable[[], None], kills: int) -> list[Sent]:
    """What four clients sent before, between and around the kills, each of which comes in the middle of some."""
    left = [Sent(("transaction", "batch")[number % 2], id) for number, id in enumerate(people(stack.api("clinician")))]
    sent: list[Sent] = []
    ended, answered = threading.Event(), threading.Semaphore(0)

    def work(client: httpx.Client) -> None:
        while not ended.is_set() and left:
            bundle = left.pop()
            sent.append(bundle)
            try:
                answer = bundle.send(client)
                assert answer.status_code in {200, 500, 503}, answer.text
                if answer.status_code == 200:
                    bundle.answer = made_by(answer)
                    answered.release()
                    continue
                # The others are for when it answers again, however long that takes.
                while not ended.is_set() and client.get(f"/fhir/Patient/{bundle.patient}").status_code != 200:
                    time.sleep(0.2)
            except httpx.TransportError:  # the gateway is gone
                return

    with ExitStack() as clients, ThreadPoolExecutor(CLIENTS) as pool:
        all_ = [clients.enter_context(gateway.client(stack, "clinician")) for _ in range(CLIENTS)]
        at_work = [pool.submit(work, client) for client in all_]
        try:
            for _ in range(kills):
                while answered.acquire(blocking=False):
                    """Before the last kill."""
                assert answered.acquire(timeout=60), "bundles are answered"
                time.sleep(random.uniform(0, 0.2))
                assert left, "others are on their way"
                kill()
        finally:
            ended.set()
        for each in at_work:
            each.result(timeout=60)
    assert any(bundle.answer is None for bundle in sent), "it met some"
    return sent


def again(client: httpx.Client, bundle: Sent) -> list[str]:
    """As a client repeats what wasn't answered, until it is."""
    deadline = time.monotonic() + AGAIN_SECONDS
    while (answer := bundle.send(client)).status_code in {500, 503}:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)
    assert answer.status_code == 200, answer.text
    return made_by(answer)


def check(stack: RunningStack, log: LockedLog, sent: list[Sent]) -> None:
    """Whole or nothing; then, sent again, whole and once."""
    database, client = Database(stack), stack.api("clinician")
    for bundle, standing in zip(sent, database.standing(sent), strict=True):
        assert standing.whole or standing.nothing, (bundle.kind, standing)
        if bundle.answer is not None:
            assert bundle.answer == standing.observations, "what was answered stands"
    with ThreadPoolExecutor(CLIENTS) as pool:
        made, repeated = (list(pool.map(lambda bundle: again(client, bundle), sent)) for _ in range(2))
    assert made == repeated
    recorded = {event["resource_id"] for event in log.events(action="fhir.create", success=True)}
    for bundle, ids, standing in zip(sent, made, database.standing(sent), strict=True):
        assert standing.whole, (bundle.kind, standing)
        assert standing.observations == ids
        assert recorded.issuperset(ids), "nothing stands that isn't on record"
        assert bundle.answer in (None, ids)
        read = ok(persistently(client, "GET", f"/fhir/Patient/{bundle.patient}"))
        assert (read["meta"]["versionId"], read["gender"]) == ("2", "other")
    log.chains_hold()


def test_the_function_is_killed(stack: RunningStack, gateway: GatewayProcess, locked_log: LockedLog) -> None:
    def kill() -> None:
        for worker in gateway.workers():
            os.kill(worker.pid, signal.SIGKILL)

    check(stack, locked_log, under_load(stack, gateway, kill, kills=2))


def test_postgresql_is_killed(stack: RunningStack, gateway: GatewayProcess, locked_log: LockedLog) -> None:
    """One server process with SIGKILL: PostgreSQL then ends all others at once and recovers from its log, as after a
    crash of the machine."""
    server = int((stack.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])

    def kill() -> None:
        backends = [each for each in processes.family(server) if "phivault_app" in each.command]
        os.kill(random.choice(backends).pid, signal.SIGKILL)
        assert processes.survivors(backends, within=60) == []

    check(stack, locked_log, under_load(stack, gateway, kill, kills=2))


def test_the_gateway_is_killed(stack: RunningStack, gateway: GatewayProcess, locked_log: LockedLog) -> None:
    """With its functions, in the middle of their calls. The last test that has it."""
    sent = under_load(stack, gateway, gateway.kill, kills=1)
    assert sum(bundle.answer is None for bundle in sent) >= CLIENTS
    check(stack, locked_log, sent)
