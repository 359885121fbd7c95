"""Attacks on a locked audit record, by the two who could do most: an administrator and the account's root user."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.e2e.journal import Failed, Journal

ADMINISTRATOR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def administrator() -> Any:
    """An S3 client of a new user who may do everything."""
    iam = boto3.client("iam")
    iam.create_user(UserName="administrator")
    iam.put_user_policy(UserName="administrator", PolicyName="all", PolicyDocument=json.dumps(ADMINISTRATOR))
    key = iam.create_access_key(UserName="administrator")["AccessKey"]
    return boto3.client("s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def attack(journal: Journal, bucket: str, key: str) -> None:
    root, admin = boto3.client("s3"), administrator()
    before = root.get_object(Bucket=bucket, Key=key)
    body, version = before["Body"].read(), before["VersionId"]
    with journal.check("the record is locked with COMPLIANCE for six years"):
        kept = before["ObjectLockRetainUntilDate"] - datetime.now(UTC)
        if before["ObjectLockMode"] != "COMPLIANCE" or kept < timedelta(days=2190):
            raise Failed(f"{before['ObjectLockMode']} for {kept.days} days")
    for who, s3 in (("administrator", admin), ("root", root)):
        for name, call in _on_the_lock(s3, {"Bucket": bucket, "Key": key}, version):
            with journal.check(f"{who}: {name}: refused"):
                _refused(call)
    for name, call in _on_the_policy(admin, {"Bucket": bucket, "Key": key}):
        with journal.check(f"administrator: {name}: refused"):
            _refused(call)
    with journal.check("the record is what it was, and the newest of its key"):
        after = root.get_object(Bucket=bucket, Key=key)
        if after["Body"].read() != body or after["VersionId"] != version:
            raise Failed("The record has changed")
        if after["ObjectLockRetainUntilDate"] != before["ObjectLockRetainUntilDate"]:
            raise Failed("Its retention has changed")


def _on_the_lock(s3: Any, place: dict[str, str], version: str) -> list[tuple[str, Callable[[], Any]]]:
    """What Object Lock itself refuses."""
    bucket, own = {"Bucket": place["Bucket"]}, {**place, "VersionId": version}
    soon = {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(seconds=5)}
    weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=9000)}
    return [
        ("delete the version", lambda: s3.delete_object(**own)),
        ("delete the version past governance", lambda: s3.delete_object(**own, BypassGovernanceRetention=True)),
        ("overwrite it under the same key", lambda: s3.put_object(**place, Body=b"{}", IfNoneMatch="*")),
        ("shorten its retention", lambda: s3.put_object_retention(**own, Retention=soon)),
        ("downgrade its lock", lambda: s3.put_object_retention(**own, Retention=weaker)),
        ("delete the bucket", lambda: s3.delete_bucket(**bucket)),
    ]


def _on_the_policy(s3: Any, place: dict[str, str]) -> list[tuple[str, Callable[[], Any]]]:
    """What the bucket's policy refuses. The emulator exempts its root user from policies; AWS doesn't."""
    return [
        ("hide it behind a delete marker", lambda: s3.delete_object(**place)),
        ("put a newer version over it", lambda: s3.put_object(**place, Body=b"{}")),
    ]


def _refused(call: Callable[[], Any]) -> None:
    try:
        call()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status not in (403, 409, 412):
            raise Failed(f"answered {status} {error.response['Error']['Code']}") from None
    else:
        raise Failed("Storage allowed it")
