"""When something breaks: 5xx in the form of its path, nothing released, and an id under which the log has the cause."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import termios
import uuid
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account, eventually
from tests.support.answers import ok, refused

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack


def _logged(stack: RunningStack, name: str, answer: httpx.Response) -> list[dict[str, Any]]:
    """What the log of a function has under the answer's id."""
    lines = (stack.folder / "logs" / f"{name}.log").read_text().splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    return [entry for entry in entries if entry.get("request_id") == answer.headers["x-request-id"]]


@pytest.fixture(scope="module")
def locked_out(stack: RunningStack) -> Account:
    """A signed-in user whose subject key no longer opens. They come from another place than at sign-in, so that
    the person behind the request is sealed anew, which takes the key."""
    account = Account(stack, "clinician", stack.tenants[0])
    account.client = account.api(**{"User-Agent": "elsewhere"})
    attributes = {one["Name"]: one["Value"] for one in account.admin("admin_get_user")["UserAttributes"]}
    dynamodb = stack.aws("dynamodb")
    (table,) = [name for name in dynamodb.list_tables()["TableNames"] if name.endswith("SubjectKeys")]
    key = {"pk": {"S": f"T#{account.tenant}#User/{attributes['sub']}"}, "sk": {"N": "1"}}
    item = dynamodb.get_item(TableName=table, Key=key)["Item"]
    wrapped = bytes(item["wrapped_key"]["B"])
    altered = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
    dynamodb.put_item(TableName=table, Item=item | {"wrapped_key": {"B": altered}})
    return account


@pytest.mark.parametrize(
    ("path", "function"), [("/me", "me"), ("/fhir/Patient", "records"), ("/audit/events", "audit")]
)
def test_a_key_that_does_not_open(stack: RunningStack, locked_out: Account, path: str, function: str) -> None:
    answer = locked_out.client.get(path)
    refused(answer, 500)
    (entry,) = _logged(stack, function, answer)
    assert entry["level"] == "ERROR"
    assert "IntegrityError" in json.dumps(entry)
    assert locked_out.email not in answer.text + json.dumps(entry)


def test_an_altered_row_of_the_audit_index(stack: RunningStack) -> None:
    patient = str(uuid.uuid4())
    dynamodb, table = stack.aws("dynamodb"), stack.facts["audit_index_table"]
    key = _patient_key(stack, patient)
    row = {"by_day": f"T#-#19990101#{patient}", "at": "2026-01-01T00:00:00.000Z#" + patient, "by_patient": key}
    row |= {"line": '{"zebra":"Zebrowski"}', "object": "ev/x"}
    item = {name: {"S": value} for name, value in row.items()} | {"position": {"N": "0"}}
    dynamodb.put_item(TableName=table, Item=item)
    answer = stack.api("auditor").get("/audit/events", params={"patient": patient})
    refused(answer, 500)
    entries = _logged(stack, "audit", answer)
    assert entries
    assert "Zebrowski" not in answer.text + json.dumps(entries)
    # Whoever altered the index meant it to be silent.
    outbox = stack.facts["outbox_url"]

    def alerted() -> bool:
        messages = stack.anyone().get(outbox, params={"to": "security-alerts"}).json()
        return any("audit.index-altered" in message["code"] for message in messages)

    assert eventually(alerted)


def _patient_key(stack: RunningStack, patient: str) -> str:
    from phivault.adapters.dynamodb_audit_index import _key
    from phivault.audit.query import By, Partition

    return _key(Partition(By.PATIENT, stack.tenants[0], patient))


def _unread(pid: int) -> int:
    """How many bytes wait in the process's standard input, which is a pipe."""
    count = array("i", [0])
    with Path(f"/proc/{pid}/fd/0").open("rb", buffering=0) as pipe:
        fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_a_function_that_dies_is_replaced(stack: RunningStack) -> None:
    client = stack.api("clinician")
    ok(client.get("/me"))
    (worker,) = [process for process in stack.run.family if process.command.rstrip().endswith("local.worker me")]
    with ThreadPoolExecutor(1) as thread:
        os.kill(worker.pid, signal.SIGSTOP)  # one that died idle would be replaced unseen
        try:
            answering = thread.submit(client.get, "/me")
            eventually(lambda: _unread(worker.pid))
        finally:
            os.kill(worker.pid, signal.SIGKILL)
        answer = answering.result()
    refused(answer, 500)
    (entry,) = [entry for entry in _logged(stack, "gateway", answer) if entry["level"] == "ERROR"]
    assert entry["message"] == "function failed: me"
    ok(client.get("/me"))
