"""A URL that the local S3 lets through is one that was signed, for what it was signed, while it lasts."""

from __future__ import annotations

import urllib.error
import urllib.request
from calendar import timegm
from time import strptime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config

from local.aws_presigned import LONGEST, SKEW_SECONDS, Presigned
from phivault.adapters.aws import client

BUCKET, KEY, OTHER = "phivault-presigned", "export/a b", "export/other"


def status(url: str, method: str = "GET") -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="module")
def url(aws_endpoints: Any) -> str:
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for key in (KEY, OTHER):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    return str(s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": KEY}, ExpiresIn=60))


def test_as_it_was_signed_it_is_served(url: str) -> None:
    assert status(url) == 200


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("export/a%20b", "export/other"),
        (BUCKET, "phivault-audit"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
        ("X-Amz-Date=2", "X-Amz-Date=3"),
        ("&X-Amz-Signature=", "&response-content-type=text%2Fhtml&X-Amz-Signature="),
        ("&X-Amz-Signature=", "&X-Amz-Signature=0"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="),
        ("X-Amz-Signature", "Signature"),
    ],
)
def test_altered_it_is_refused(url: str, old: str, new: str) -> None:
    assert old in url
    assert status(url.replace(old, new)) == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "POST"])
def test_for_another_method_it_is_refused(url: str, method: str) -> None:
    assert status(url, method) == 403


@pytest.mark.parametrize(("after", "allowed"), [(-SKEW_SECONDS - 1, False), (0, True), (60, True), (61, False)])
def test_it_lasts_as_long_as_it_says(after: float, allowed: bool) -> None:
    s3: Any = boto3.client(
        "s3",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        region_name="us-east-1",
        config=Config(signature_version="s3v4"),
    )
    parts = urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"}, ExpiresIn=60))
    signed = timegm(strptime(parse_qs(parts.query)["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ"))
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"{parts.path}?{parts.query}",
        "QUERY_STRING": parts.query,
        "HTTP_HOST": parts.netloc,
    }
    assert Presigned("k", "s", "us-east-1", now=lambda: signed + after).allows(environ) is allowed
    assert not Presigned("k", "other", "us-east-1", now=lambda: signed + after).allows(environ)
    too_long = environ | {"QUERY_STRING": parts.query.replace("Expires=60", f"Expires={LONGEST + 1}")}
    assert not Presigned("k", "s", "us-east-1", now=lambda: signed).allows(too_long)
