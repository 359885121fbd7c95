"""Conditional writes on the local S3: the head of the log is swapped, locked objects stand for good.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from phivault.adapters.aws import client, error_code


@pytest.fixture(scope="module")
def bucket(aws_endpoints: Any) -> str:
    from local.aws_resources import create_head_bucket

    return create_head_bucket(f"test-{secrets.token_hex(6)}")


@pytest.fixture
def key() -> str:
    return f"{secrets.token_hex(4)}/checkpoint"


def put(bucket: str, key: str, body: bytes, **conditions: Any) -> str:
    """The ETag, or the error's code with its status."""
    try:
        return client("s3").put_object(Bucket=bucket, Key=key, Body=body, **conditions)["ETag"]
    except ClientError as error:
        return f"{error.response['ResponseMetadata']['HTTPStatusCode']} {error_code(error)}"


def body_of(bucket: str, key: str) -> bytes:
    return client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def test_the_etag_is_the_md5_of_the_body(bucket: str, key: str):
    etag = put(bucket, key, b"one", ServerSideEncryption="AES256", ChecksumAlgorithm="SHA256")
    assert etag.strip('"') == hashlib.md5(b"one").hexdigest()
    assert client("s3").get_object(Bucket=bucket, Key=key)["ETag"] == etag
    (listed,) = client("s3").list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]
    assert listed["ETag"] == etag


def test_a_stale_etag_is_refused(bucket: str, key: str):
    first = put(bucket, key, b"one")
    second = put(bucket, key, b"two", IfMatch=first)
    assert put(bucket, key, b"three", IfMatch=first) == "412 PreconditionFailed"
    assert body_of(bucket, key) == b"two"
    assert put(bucket, key, b"three", IfMatch=second).startswith('"')


def test_if_match_needs_an_object(bucket: str, key: str):
    assert put(bucket, key, b"one", IfMatch='"00000000000000000000000000000000"') == "404 NoSuchKey"
    etag = put(bucket, key, b"one")
    client("s3").delete_object(Bucket=bucket, Key=key)
    assert put(bucket, key, b"two", IfMatch=etag) == "404 NoSuchKey"


def test_if_none_match_writes_once(bucket: str, key: str):
    put(bucket, key, b"one", IfNoneMatch="*")
    assert put(bucket, key, b"two", IfNoneMatch="*") == "412 PreconditionFailed"
    client("s3").delete_object(Bucket=bucket, Key=key)  # a delete marker: nothing stands there now
    assert put(bucket, key, b"three", IfNoneMatch="*").startswith('"')


def test_if_none_match_takes_nothing_but_a_star(bucket: str, key: str):
    etag = put(bucket, key, b"one")
    assert put(bucket, key, b"two", IfNoneMatch=etag) == "501 NotImplemented"
    assert body_of(bucket, key) == b"one"


def test_of_many_swaps_at_once_one_wins(bucket: str, key: str):
    etag = put(bucket, key, b"start")
    with ThreadPoolExecutor(8) as threads:
        ends = list(threads.map(lambda n: put(bucket, key, b"%d" % n, IfMatch=etag), range(8)))
    assert sorted(end.partition(" ")[0] for end in ends if not end.startswith('"')) == ["412"] * 7


@pytest.mark.parametrize("conditions", [{"IfMatch": '"0"'}, {"IfNoneMatch": "*"}])
def test_a_large_object_keeps_its_condition(bucket: str, key: str, conditions: dict[str, str]):
    """Parts are put together under the same conditions."""
    put(bucket, key, b"one")
    upload = client("s3").create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    named: dict[str, Any] = {"Bucket": bucket, "Key": key, "UploadId": upload}
    part = client("s3").upload_part(**named, PartNumber=1, Body=b"two")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    with pytest.raises(ClientError) as refused:
        client("s3").complete_multipart_upload(**named, MultipartUpload=parts, **conditions)
    assert error_code(refused.value) == "PreconditionFailed"
    assert body_of(bucket, key) == b"one"


def test_an_export_is_written_once(aws: Any):
    bucket, run = aws.audit_exports_bucket, secrets.token_hex(4)
    checked: dict[str, Any] = {"ChecksumAlgorithm": "SHA256"}
    assert put(bucket, f"{run}/segments/1", b"one", **checked).startswith("403")
    assert put(bucket, f"{run}/segments/1", b"one", IfNoneMatch="*", **checked).startswith('"')
    assert put(bucket, f"{run}/segments/1", b"two", IfNoneMatch="*", **checked).startswith("412")
