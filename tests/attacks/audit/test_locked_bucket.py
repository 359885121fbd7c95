"""Attacks on the stored log by someone with every permission on the bucket: storage refuses them all."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from phivault.adapters.aws import client, error_code
from phivault.adapters.s3_events import S3Events

KEY = "ev/2026/03/04/12/00/writer-00000000.json"
BODY = b'{"v":1}\n'


def held_in(bucket: str, mode: str) -> str:
    """Store one object as the recorder does; answers its version."""
    S3Events(bucket, lock_mode=mode, retention_days=10).put(KEY, BODY, deadline=time.monotonic() + 30)
    return client("s3").head_object(Bucket=bucket, Key=KEY)["VersionId"]


@pytest.fixture
def locked(new_audit_bucket):
    bucket = new_audit_bucket()
    version = held_in(bucket, "COMPLIANCE")
    yield bucket, version
    assert client("s3").get_object(Bucket=bucket, Key=KEY)["Body"].read() == BODY
    assert [v["VersionId"] for v in client("s3").list_object_versions(Bucket=bucket)["Versions"]] == [version]


def refused(operation: str, **arguments: object) -> str:
    with pytest.raises(ClientError) as caught:
        getattr(client("s3"), operation)(**arguments)
    return error_code(caught.value)


def in_days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_delete_marker(locked):
    bucket, _ = locked
    assert refused("delete_object", Bucket=bucket, Key=KEY) == "403"


def test_delete_of_the_version_even_with_bypass(locked):
    bucket, version = locked
    for bypass in (False, True):
        assert refused(
            "delete_object", Bucket=bucket, Key=KEY, VersionId=version, BypassGovernanceRetention=bypass
        ) in {"403", "AccessDenied"}


@pytest.mark.parametrize("with_version", [False, True])
def test_delete_in_bulk(locked, with_version):
    bucket, version = locked
    target = {"Key": KEY} | ({"VersionId": version} if with_version else {})
    answer = client("s3").delete_objects(Bucket=bucket, Delete={"Objects": [target]})
    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]
    assert "Deleted" not in answer


def test_overwrite_with_the_condition(locked):
    bucket, _ = locked
    code = refused("put_object", Bucket=bucket, Key=KEY, Body=b"x", IfNoneMatch="*", ChecksumAlgorithm="SHA256")
    assert code == "PreconditionFailed"


def test_overwrite_without_the_condition(locked):
    bucket, _ = locked
    assert refused("put_object", Bucket=bucket, Key=KEY, Body=b"x", ChecksumAlgorithm="SHA256") == "403"
    assert refused("put_object", Bucket=bucket, Key="ev/new", Body=b"x", ChecksumAlgorithm="SHA256") == "403"


@pytest.mark.parametrize(
    "retention",
    [
        {"Mode": "COMPLIANCE", "RetainUntilDate": in_days(1)},
        {"Mode": "GOVERNANCE", "RetainUntilDate": in_days(20)},
        {"Mode": "GOVERNANCE", "RetainUntilDate": in_days(1)},
        {},
    ],
    ids=["shortened", "downgraded", "downgraded-and-shortened", "removed"],
)
@pytest.mark.parametrize("bypass", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_weaker_retention(locked, retention, bypass, named):
    bucket, version = locked
    code = refused(
        "put_object_retention",
        Bucket=bucket,
        Key=KEY,
        Retention=retention,
        ChecksumAlgorithm="SHA256",
        BypassGovernanceRetention=bypass,
        **({"VersionId": version} if named else {}),
    )
    assert code in {"AccessDenied", "403"}
    held = client("s3").head_object(Bucket=bucket, Key=KEY)
    assert held["ObjectLockMode"] == "COMPLIANCE"
    assert held["ObjectLockRetainUntilDate"] > in_days(9)


def test_longer_retention_is_allowed(locked):
    bucket, _ = locked
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": in_days(20)}
    client("s3").put_object_retention(Bucket=bucket, Key=KEY, Retention=longer, ChecksumAlgorithm="SHA256")
    assert client("s3").head_object(Bucket=bucket, Key=KEY)["ObjectLockRetainUntilDate"] > in_days(19)


def test_governance_without_the_bypass_header_and_with_it_under_the_bucket_policy(new_audit_bucket):
    bucket = new_audit_bucket(lock_mode="GOVERNANCE")
    version = held_in(bucket, "GOVERNANCE")
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": in_days(1)}
    for bypass in (False, True):
        common = {"Bucket": bucket, "Key": KEY, "BypassGovernanceRetention": bypass}
        assert refused("put_object_retention", Retention=shorter, ChecksumAlgorithm="SHA256", **common)
        assert refused("delete_object", VersionId=version, **common)
    # Without the policy GOVERNANCE is what AWS says it is: held, unless the header asks otherwise.
    client("s3").delete_bucket_policy(Bucket=bucket)
    assert refused("delete_object", Bucket=bucket, Key=KEY, VersionId=version) == "AccessDenied"
    client("s3").put_object_retention(
        Bucket=bucket, Key=KEY, Retention=shorter, ChecksumAlgorithm="SHA256", BypassGovernanceRetention=True
    )
    client("s3").delete_object(Bucket=bucket, Key=KEY, VersionId=version, BypassGovernanceRetention=True)


def test_without_its_policy_compliance_still_holds(locked):
    bucket, version = locked
    client("s3").delete_bucket_policy(Bucket=bucket)
    assert refused("delete_object", Bucket=bucket, Key=KEY, VersionId=version) == "AccessDenied"
    assert (
        refused("delete_object", Bucket=bucket, Key=KEY, VersionId=version, BypassGovernanceRetention=True)
        == "AccessDenied"
    )


def test_versioning_suspended(locked):
    bucket, _ = locked
    configuration = {"Status": "Suspended"}
    assert (
        refused("put_bucket_versioning", Bucket=bucket, VersioningConfiguration=configuration) == "InvalidBucketState"
    )


def test_bucket_deleted(locked):
    bucket, _ = locked
    assert refused("delete_bucket", Bucket=bucket) == "BucketNotEmpty"


def test_bytes_that_are_not_those_of_the_checksum(new_audit_bucket):
    wrong = "A" * 43 + "="
    code = refused(
        "put_object", Bucket=new_audit_bucket(), Key=KEY, Body=BODY, IfNoneMatch="*",
        ChecksumAlgorithm="SHA256", ChecksumSHA256=wrong,
    )  # fmt: skip
    assert code == "BadDigest"
