"""The policies of the log's buckets: what S3 itself refuses, whoever asks."""

from __future__ import annotations

from typing import Any


def bucket_policy(bucket: str, partition: str = "aws") -> dict[str, Any]:
    """An S3 bucket policy document for the locked bucket of this name.

    Object Lock already keeps every version; the policy also keeps the newest one in view (a delete marker would
    hide it), lets nobody past GOVERNANCE, and makes an overwrite impossible to ask for. PutObjectRetention stays
    open because a PUT with explicit retention needs it; in a locked bucket it can only lengthen.
    """
    bucket_arn = f"arn:{partition}:s3:::{bucket}"
    objects = f"{bucket_arn}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            _deny("NoDeletes", objects, "s3:DeleteObject", "s3:DeleteObjectVersion"),
            _deny("NoBypass", objects, "s3:BypassGovernanceRetention"),
            _deny("NoOverwrites", objects, "s3:PutObject") | {"Condition": {"Null": {"s3:if-none-match": "true"}}},
            *_transport(bucket_arn),
        ],
    }


def head_policy(bucket: str, partition: str = "aws") -> dict[str, Any]:
    """Of the bucket of the log's head, which changes every minute: only how it may be reached."""
    return {"Version": "2012-10-17", "Statement": _transport(f"arn:{partition}:s3:::{bucket}")}


def _transport(bucket_arn: str) -> list[dict[str, Any]]:
    everything = [bucket_arn, f"{bucket_arn}/*"]
    return [
        _deny("NoPlaintext", everything, "s3:*") | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        _deny("NoOldTls", everything, "s3:*") | {"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.3"}}},
    ]


def _deny(sid: str, resource: str | list[str], *actions: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": list(actions), "Resource": resource}
