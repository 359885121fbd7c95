"""Attack: time. Twenty writers and readers work on while their tenant's keys are rotated, and KMS goes away."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.fhir import make, observation, patient, send

if TYPE_CHECKING:
    import httpx

    from tests.support.beside import Beside
    from tests.support.stack import RunningStack

CACHE_SECONDS = 6
WORKERS = 20


@pytest.fixture
def beside(stack: RunningStack, tmp_path: Path) -> Iterator[Beside]:
    """Functions of our own, which hold keys for seconds, and wait for the log longer than a busy machine makes them."""
    from tests.support.beside import Beside

    overrides = {
        "PHIVAULT_SUBJECT_KEY_CACHE_SECONDS": str(CACHE_SECONDS),
        "PHIVAULT_AUDIT_DEADLINE_SECONDS": "10",
    }
    with Beside(stack, tmp_path / "functions.log", **overrides) as beside:
        yield beside


def rotator(beside: Beside, action: str, **asked: str) -> dict[str, Any]:
    """All slices of an action, their counts together."""
    from functions.table import TABLE
    from phivault.ids import uuid7

    row = next(one for one in TABLE if one.name == "rotator")
    total: dict[str, Any] = {"after": ""}
    while total["after"] is not None:
        said = beside._invoke(row, {"action": action, "by": "operator", "after": total["after"], **asked}, uuid7())
        assert "error" not in said, said
        counts = {name: total.get(name, 0) + value for name, value in said.items() if isinstance(value, int)}
        total = said | counts
    return total


class Person:
    """A patient whom one client writes about and reads; ``sent`` is what each version of theirs was sent as."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        made = make(client, patient())
        self.id = str(made["id"])
        self.sent = [made["telecom"]]
        self.weight = str(make(client, observation(self.id))["id"])
        self.statuses: list[int] = []

    def work(self, until: threading.Event) -> None:
        while not until.is_set():
            self.write()
            self.read()

    def read_on(self, until: threading.Event) -> None:
        while not until.is_set():
            self.read()

    def write(self) -> None:
        telecom = [{"system": "phone", "value": f"+1202555{len(self.sent):04d}"}]
        changed = patient() | {"id": self.id, "telecom": telecom}
        answer = send(self.client, "PUT", f"/fhir/Patient/{self.id}", changed)
        self.statuses.append(answer.status_code)
        self.sent.append(telecom)

    def read(self) -> None:
        for path in (f"/fhir/Patient/{self.id}", f"/fhir/Observation/{self.weight}"):
            answer = self.client.get(path)
            self.statuses.append(answer.status_code)

    def check(self) -> None:
        """Every version says what was sent as it."""
        for version, telecom in enumerate(self.sent, 1):
            found = ok(self.client.get(f"/fhir/Patient/{self.id}/_history/{version}"))
            assert found["telecom"] == telecom


def test_a_rotation_under_load_fails_no_request_and_loses_nothing(stack: RunningStack, beside: Beside) -> None:
    tenant = f"tenant-{secrets.token_hex(4)}"
    token = Account(stack, "clinician", tenant).tokens()["access_token"]
    people = [Person(beside.client({"Authorization": f"Bearer {token}"})) for _ in range(WORKERS // 2)]
    done = threading.Event()
    with ThreadPoolExecutor(WORKERS) as pool:
        at_work = [pool.submit(one.work, done) for one in people]
        at_work += [pool.submit(one.read_on, done) for one in people]
        try:
            assert rotator(beside, "rotate", tenant=tenant)["rotated"] >= len(people)
            assert rotator(beside, "reseal", tenant=tenant)["resealed"] >= len(people)
            time.sleep(CACHE_SECONDS + 1)  # then nobody holds the old keys any more
            rotator(beside, "reseal", tenant=tenant)
        finally:
            done.set()
        for each in at_work:
            each.result(timeout=120)
    counted = rotator(beside, "rows", tenant=tenant)
    assert (counted["rows_under_older_keys"], counted["owners_behind"]) == (0, 0)
    assert counted["rows"] >= sum(len(one.sent) + 1 for one in people)
    for one in people:
        assert set(one.statuses) == {200}
        assert len(one.sent) > 1, "wrote meanwhile"
        one.check()


def test_a_disabled_kms_key_stops_cold_subjects_alone_and_heals(stack: RunningStack, beside: Beside) -> None:
    clinician = beside.api("clinician")
    warm, cold = (str(make(clinician, patient())["id"]) for _ in range(2))
    time.sleep(CACHE_SECONDS + 0.5)
    kms, arn = stack.aws("kms"), stack.facts["settings"]["PHIVAULT_SUBJECT_KEY_ARN"]
    ok(clinician.get(f"/fhir/Patient/{warm}"))
    kms.disable_key(KeyId=arn)
    try:
        assert clinician.get(f"/fhir/Patient/{warm}").status_code == 200
        for answer in (
            clinician.get(f"/fhir/Patient/{cold}"),
            send(clinician, "PUT", f"/fhir/Patient/{cold}", patient() | {"id": cold}),
            send(clinician, "POST", "/fhir/Patient", patient()),
        ):
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) >= 1
            assert json.loads(answer.text)
        time.sleep(CACHE_SECONDS + 0.5)
        assert clinician.get(f"/fhir/Patient/{warm}").status_code == 503
        states = rotator(beside, "status")["services"]
        assert states[arn] == "Disabled"
    finally:
        kms.enable_key(KeyId=arn)
    for id in (warm, cold):
        ok(clinician.get(f"/fhir/Patient/{id}"))
