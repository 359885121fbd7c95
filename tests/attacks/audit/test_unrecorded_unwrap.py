"""Attack: open a subject's key beside the application, so that nothing is recorded. On the running stack."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from phivault.audit.reconcile.claims import Kind
from phivault.audit.reconcile.match import SEALING_SECONDS
from tests.support.stack import running

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

RECORDS = "arn:aws:iam::123456789012:role/phivault-records"
OPERATOR = "arn:aws:iam::123456789012:user/operator"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One of these tests' own: whatever outages others rehearse leaves keys that were opened and no record."""
    yield from running(tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="module")
def evidence(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What AWS wrote beside the stack until now, and an export of the log made after that."""
    patient = stack.patients()[0]
    assert stack.api("clinician").get(f"/fhir/Patient/{patient}").status_code == 200
    _unwrap_as_operator(stack, patient)
    _until_delivered(stack, OPERATOR)
    folder = tmp_path_factory.mktemp("evidence") / "folder"
    time.sleep(SEALING_SECONDS)  # what happened just before an export might be recorded just after it
    shutil.copytree(stack.folder / "evidence", folder)
    _run(stack, "export", str(folder / "export"))
    return folder


def _unwrap_as_operator(stack: RunningStack, patient: str) -> None:
    """With the operator's key, the wrapped key out of its row, and the context that stands in it."""
    from io import BytesIO

    from aws_encryption_sdk.internal.formatting.deserialize import deserialize_header  # type: ignore[import-untyped]  # it has no types

    table, context = _subject_keys(stack), {"tenant": stack.tenants[0], "subject": f"Patient/{patient}"}
    rows = stack.aws("dynamodb").scan(TableName=table)["Items"]
    (wrapped,) = (
        value["B"] for row in rows if patient in json.dumps(row, default=str) for value in row.values() if "B" in value
    )
    header, _ = deserialize_header(BytesIO(bytes(wrapped)))
    (key,) = header.encrypted_data_keys
    opened = stack.aws("kms").decrypt(
        CiphertextBlob=key.encrypted_data_key, EncryptionContext=context | {"purpose": "subject-key"}
    )
    assert len(opened["Plaintext"]) == 32


def _subject_keys(stack: RunningStack) -> str:
    name: str = stack.facts["settings"]["PHIVAULT_SUBJECT_KEYS_TABLE"]
    return name


def _until_delivered(stack: RunningStack, principal: str) -> None:
    deadline = time.monotonic() + 60
    while not any(_is_unwrap(record, principal) for record in _records(stack.folder / "evidence")):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _is_unwrap(record: dict[str, Any], principal: str) -> bool:
    return record["eventName"] == "Decrypt" and principal in json.dumps(record["userIdentity"])


def _records(folder: Path) -> list[dict[str, Any]]:
    return [record for path in _files(folder) for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "cloudtrail").rglob("*.json.gz"))


def _run(stack: RunningStack, *arguments: str) -> tuple[int, str]:
    environment = os.environ | {"PHIVAULT_LOCAL": str(stack.folder)}
    command = [Path(sys.executable).with_name("phivault"), "audit", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def _reconcile(stack: RunningStack, folder: Path) -> dict[str, Any]:
    status, output = _run(stack, "reconcile", str(folder), "--json")
    report: dict[str, Any] = json.loads(output)
    assert status == (1 if report["findings"] else 0)
    return report


def _plant(folder: Path, **changes: Any) -> str:
    """A copy of a genuine record of the function records, altered."""
    genuine = next(
        record
        for record in _records(folder)
        if _is_unwrap(record, RECORDS) and "subject" in record["requestParameters"]["encryptionContext"]
    )
    planted = genuine | {"eventID": str(uuid.uuid4())} | changes
    (folder / "cloudtrail" / "planted.json").write_text(json.dumps({"Records": [planted]}))
    return str(planted["eventID"])


def test_the_operators_unwrap_is_the_one_finding(stack: RunningStack, evidence: Path) -> None:
    (one,) = _reconcile(stack, evidence)["findings"]
    assert (one["kind"], one["principal"]) == (Kind.FOREIGN_UNWRAP, OPERATOR)
    assert (one["tenant"], one["subject"]) == (stack.tenants[0], f"Patient/{stack.patients()[0]}")


def test_the_stack_and_its_users_leave_nothing_unaccounted_for(stack: RunningStack, evidence: Path) -> None:
    report = _reconcile(stack, evidence)
    assert report["looked_at"]["unwraps"] > 10
    assert report["looked_at"]["requests"] > 10
    assert {one["kind"] for one in report["excused"]} <= {Kind.UNRECORDED_REFUSAL}, "of outages that others rehearsed"


@pytest.fixture
def copy(evidence: Path, tmp_path: Path) -> Path:
    return shutil.copytree(evidence, tmp_path / "folder")


def test_a_function_that_reads_somebody_without_a_record_is_named(stack: RunningStack, copy: Path) -> None:
    """Code in our own function, under its own role, for a patient whom no event names."""
    context = {"tenant": stack.tenants[0], "subject": f"Patient/{uuid.uuid4()}", "purpose": "subject-key"}
    planted = _plant(copy, requestParameters={"encryptionContext": context})
    found = {one["id"]: one for one in _reconcile(stack, copy)["findings"]}
    assert found[planted]["kind"] == Kind.UNRECORDED_UNWRAP
    assert found[planted]["subject"] == context["subject"]
    assert len(found) == 2


def test_a_function_that_comes_back_later_is_named(stack: RunningStack, copy: Path) -> None:
    """The same patient, whose cached key has expired long ago."""
    later = datetime.now(UTC) + timedelta(hours=1)
    planted = _plant(copy, eventTime=later.isoformat(timespec="seconds").replace("+00:00", "Z"))
    found = {one["id"]: one["kind"] for one in _reconcile(stack, copy)["findings"]}
    assert found[planted] == Kind.LATE_UNWRAP


def test_a_request_without_a_record_is_named(stack: RunningStack, copy: Path) -> None:
    log = copy / "gateway" / "access.ndjson"
    genuine = next(line for line in map(json.loads, log.read_text().splitlines()) if line["route"] == "/v1/fhir")
    with log.open("a") as file:
        file.write(json.dumps(genuine | {"request_id": "0-planted"}) + "\n")
    assert "0-planted" in {one["id"] for one in _reconcile(stack, copy)["findings"]}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: shutil.rmtree(folder / "cloudtrail"), "no files in cloudtrail/"),
        (lambda folder: (folder / "gateway" / "access.ndjson").unlink(), "no files in gateway/"),
        (lambda folder: (folder / "roles.json").write_text("[]"), "roles.json"),
        (lambda folder: (folder / "export" / "manifest.json").write_text("{}"), "export is no export"),
        (lambda folder: next((folder / "export" / "segments").iterdir()).write_bytes(b"x"), "segments/"),
        (
            lambda folder: (folder / "cloudtrail" / "half.json.gz").write_bytes(gzip.compress(b"{}")[:-4]),
            "half.json.gz",
        ),
        (lambda folder: (folder / "gateway" / "x.log").write_text("not a line"), "gateway/x.log: line 1"),
    ],
)
def test_input_that_cant_be_used_says_which(stack: RunningStack, copy: Path, spoil: Any, says: str) -> None:
    spoil(copy)
    status, output = _run(stack, "reconcile", str(copy))
    assert status == 2
    assert says in output
    assert len(output.strip().splitlines()) == 1


def test_the_reconciler_records_it_and_somebody_is_alerted(stack: RunningStack, evidence: Path) -> None:
    """The function, over the same adapters as in the cloud, asked for the present."""
    now = datetime.now(UTC)
    window = {"since": (now - timedelta(hours=1)).isoformat(), "until": (now - timedelta(seconds=1)).isoformat()}
    deadline = time.monotonic() + 90
    while "errorType" in (answer := _invoke(stack, window)):  # until the sealer has come that far
        assert time.monotonic() < deadline, answer
        time.sleep(2)
    (found,) = (one["id"] for one in _reconcile(stack, evidence)["findings"])
    assert found in answer["findings"]
    outbox = stack.anyone().get(f"{stack.base_url}/_local/outbox", params={"to": "security-alerts"})
    deadline = time.monotonic() + 60
    while "audit.reconcile" not in outbox.text:
        assert time.monotonic() < deadline
        time.sleep(0.5)
        outbox = stack.anyone().get(f"{stack.base_url}/_local/outbox", params={"to": "security-alerts"})


def _invoke(stack: RunningStack, payload: dict[str, str]) -> dict[str, Any]:
    import boto3

    functions: Any = boto3.client(
        "lambda",
        endpoint_url=stack.facts["aws_endpoint_url_lambda"],
        region_name=stack.facts["region"],
        aws_access_key_id=stack.facts["aws_access_key_id"],
        aws_secret_access_key=stack.facts["aws_secret_access_key"],
    )
    answer = functions.invoke(FunctionName="reconciler", Payload=json.dumps(payload).encode())
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    return document
