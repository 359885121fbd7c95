"""The trail on this machine: CloudTrail's records of KMS, in its bucket and a folder, by whoever called."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws_trail import ACCOUNT, role_arn
from phivault.audit.reconcile.cloudtrail import parse

if TYPE_CHECKING:
    from local.aws import LocalAws

CONTEXT = {"tenant": "north", "subject": "Patient/p1", "purpose": "subject-key"}


@pytest.fixture(scope="module")
def own_endpoints() -> Iterator[LocalAws]:
    """Endpoints that nobody else has called, with the environment that leads there."""
    from local.aws import LocalAws
    from phivault.adapters.aws import forget_clients

    running = LocalAws.start()
    before = {name: os.environ.get(name) for name in running.environment()}
    os.environ.update(running.environment())
    forget_clients()
    yield running
    forget_clients()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    running.stop()


@pytest.fixture(scope="module")
def bucket(own_endpoints: LocalAws) -> str:
    from local.aws_resources import create_audit_bucket

    return create_audit_bucket("trail")


@pytest.fixture(scope="module")
def trail(own_endpoints: LocalAws, bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, after a wrap and an unwrap by a function and by an operator, and a refusal."""
    folder = tmp_path_factory.mktemp("trail")
    operator = boto3.client("kms")
    key = operator.create_key()["KeyMetadata"]["Arn"]
    for kms in (boto3.client("kms", config=Config(user_agent_appid="records")), operator):
        made = kms.generate_data_key(KeyId=key, NumberOfBytes=32, EncryptionContext=CONTEXT)
        kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
        with pytest.raises(ClientError):
            kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT | {"tenant": "south"})
    own_endpoints.start_trail(bucket, folder)
    deadline = time.monotonic() + 60
    while not list(folder.rglob("*.json.gz")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return folder


def _records(folder: Path) -> list[dict[str, Any]]:
    return [r for path in folder.rglob("*.json.gz") for r in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def _ours(folder: Path) -> list[dict[str, Any]]:
    return [r for r in _records(folder) if (r["requestParameters"] or {}).get("encryptionContext") == CONTEXT]


def test_each_call_is_named_with_its_context_and_its_caller(trail: Path) -> None:
    who = {(r["eventName"], r["userIdentity"]["type"]) for r in _ours(trail)}
    assert who == {(name, kind) for name in ("GenerateDataKey", "Decrypt") for kind in ("AssumedRole", "IAMUser")}
    sessions = [r["userIdentity"]["sessionContext"] for r in _ours(trail) if "sessionContext" in r["userIdentity"]]
    issuers = {session["sessionIssuer"]["arn"] for session in sessions}
    assert issuers == {role_arn("records")}


def test_nothing_secret_is_in_the_trail(trail: Path) -> None:
    for record in _records(trail):
        shown = json.dumps(record)
        assert "Plaintext" not in shown
        assert "CiphertextBlob" not in shown


def test_a_refusal_has_its_code(trail: Path) -> None:
    refused = [r for r in _records(trail) if r.get("errorCode")]
    assert {r["errorCode"] for r in refused} == {"InvalidCiphertextException"}
    assert len(refused) == 2


def test_the_files_are_cloudtrails_and_the_same_in_the_bucket(trail: Path, bucket: str) -> None:
    from phivault.adapters.aws import client

    for path in trail.rglob("*.json.gz"):
        key = str(path.relative_to(trail))
        assert key.startswith(f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2")
        stored = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        assert stored == path.read_bytes()
        list(parse(stored, key))


def test_the_adapter_reads_what_was_delivered_since(trail: Path, bucket: str) -> None:
    from datetime import UTC, datetime, timedelta

    from phivault.adapters.s3_trail import S3Trail

    now = datetime.now(UTC)
    files = dict(S3Trail(bucket).files(now - timedelta(hours=25)))
    assert {path.name: path.read_bytes() for path in trail.rglob("*.json.gz")}.items() <= files.items()
    assert list(S3Trail(bucket).files(now + timedelta(minutes=5))) == []
