"""The local AWS endpoints: only what belongs to this stack gets in, S3 goes down and comes back, nothing is logged."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws import LocalAws
from phivault.adapters.aws import client, error_code, translated
from phivault.errors import Unavailable


def status_of(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="POST", headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def outcome(call: Callable[..., Any], **arguments: Any) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        return error_code(error)
    return "done"


def test_resources_are_made_as_the_settings_name_them(aws, monkeypatch):
    from phivault.settings import Settings

    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    settings = Settings(profile="local")
    assert settings.audit_bucket == aws.audit_bucket
    lock = client("s3").get_object_lock_configuration(Bucket=settings.audit_bucket)["ObjectLockConfiguration"]
    retention = lock["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == (settings.audit_lock_mode, settings.audit_retention_days)
    pages = client("dynamodb").get_paginator("list_tables").paginate()
    tables = {name for page in pages for name in page["TableNames"]}  # other tests' too: more than a page
    assert {settings.audit_index_table, settings.access_state_table, settings.subject_keys_table} <= tables


def test_a_stopped_s3_refuses_connections_and_comes_back_with_what_it_held(aws_endpoints, new_audit_bucket):
    bucket = new_audit_bucket()
    client("s3").put_object(Bucket=bucket, Key="kept", Body=b"x", IfNoneMatch="*", ChecksumAlgorithm="SHA256")
    aws_endpoints.stop_s3()
    try:
        with pytest.raises(Unavailable, match="S3 did not answer: EndpointConnectionError"), translated("S3"):
            client("s3").get_object(Bucket=bucket, Key="kept")
        client("dynamodb").list_tables()
    finally:
        aws_endpoints.start_s3()
    assert client("s3").get_object(Bucket=bucket, Key="kept")["Body"].read() == b"x"


def test_each_listener_serves_only_its_own_services(aws_endpoints):
    with pytest.raises(ClientError, match="AccessDenied"):
        boto3.client("kms", endpoint_url=aws_endpoints.s3_endpoint_url).list_keys()
    with pytest.raises(ClientError, match="AccessDenied"):
        boto3.client("iam", endpoint_url=aws_endpoints.endpoint_url).list_users()


def test_the_other_listener_serves_s3_too_but_not_while_it_is_stopped(aws_endpoints, new_audit_bucket):
    elsewhere = boto3.client(
        "s3",
        endpoint_url=aws_endpoints.endpoint_url,
        aws_access_key_id=aws_endpoints.access_key_id,
        aws_secret_access_key=aws_endpoints.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    bucket = new_audit_bucket()
    elsewhere.head_bucket(Bucket=bucket)
    aws_endpoints.stop_s3()
    try:
        with pytest.raises(ClientError) as refused:
            elsewhere.head_bucket(Bucket=bucket)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    finally:
        aws_endpoints.start_s3()
    elsewhere.head_bucket(Bucket=bucket)


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/state-manager/set-transition", "/latest/meta-data/"])
def test_nobody_resets_the_state_from_outside(aws_endpoints, path):
    assert status_of(aws_endpoints.endpoint_url + path) == 403
    assert status_of(aws_endpoints.s3_endpoint_url + path) == 403
    scope = f"Credential={aws_endpoints.access_key_id}/20260101/us-east-1/s3/aws4_request"
    assert status_of(aws_endpoints.s3_endpoint_url + path, Authorization=f"AWS4-HMAC-SHA256 {scope}") == 403


def test_another_key_id_gets_nothing(aws_endpoints):
    stranger = boto3.client("s3", aws_access_key_id="LKIA0000", aws_secret_access_key="x")
    with pytest.raises(ClientError, match="AccessDenied"):
        stranger.list_buckets()


def test_of_racing_conditional_writes_one_wins(new_table, new_audit_bucket):
    from phivault.adapters.access_state_table import TABLE

    table, bucket = new_table(TABLE), new_audit_bucket()
    together = threading.Barrier(8)

    def item(number: int) -> str:
        together.wait()
        return outcome(
            client("dynamodb").put_item,
            TableName=table,
            Item={"pk": {"S": "p"}, "sk": {"S": "s"}, "n": {"N": str(number)}},
            ConditionExpression="attribute_not_exists(pk)",
        )

    def thing(number: int) -> str:
        together.wait()
        return outcome(
            client("s3").put_object,
            Bucket=bucket,
            Key="k",
            Body=b"%d" % number,
            IfNoneMatch="*",
            ChecksumAlgorithm="SHA256",
        )

    with ThreadPoolExecutor(8) as pool:
        items = sorted(pool.map(item, range(8)))
        objects = sorted(pool.map(thing, range(8)))
    assert items == ["ConditionalCheckFailedException"] * 7 + ["done"]
    assert objects == ["PreconditionFailed"] * 7 + ["done"]


def test_it_ends_with_its_input_and_says_nothing_about_requests():
    process = subprocess.Popen(
        [sys.executable, "-m", "local.aws"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ready = process.stdout.readline()
    running = LocalAws(process=process, **json.loads(ready))
    secret = "Zaphod-1952"
    s3 = boto3.client(
        "s3",
        endpoint_url=running.s3_endpoint_url,
        aws_access_key_id=running.access_key_id,
        aws_secret_access_key=running.secret_access_key,
        region_name=running.region,
    )
    with pytest.raises(ClientError):
        s3.put_object(Bucket="nowhere", Key=secret, Body=secret.encode())
    assert status_of(f"{running.endpoint_url}/{secret}?name={secret}") == 403
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert secret not in out + err
    assert secret not in repr(running)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_it_ends_when_its_parent_is_killed():
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import time; from local.aws import LocalAws; a = LocalAws.start(); print(a.process.pid, flush=True); "
            "time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    endpoints = Path(f"/proc/{parent.stdout.readline().strip()}/cmdline")
    assert "local.aws" in endpoints.read_text()
    parent.kill()
    parent.wait()
    until = time.monotonic() + 60
    while time.monotonic() < until and endpoints.exists() and "local.aws" in endpoints.read_text():
        time.sleep(0.05)
    assert not (endpoints.exists() and endpoints.read_text())
