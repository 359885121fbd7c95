"""S3 buckets: versioned, closed to the public, owned by the account, logged, retained."""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

PRIVATE = {
    "blockPublicAcls": True,
    "ignorePublicAcls": True,
    "blockPublicPolicy": True,
    "restrictPublicBuckets": True,
}
BY_OWNER = {"rules": [{"objectOwnership": "BucketOwnerEnforced"}]}
# S3's own keys: whoever can destroy a KMS key could destroy a locked log with it, and PHI in the log is sealed anyway.
S3_MANAGED = {"serverSideEncryptionConfiguration": [{"serverSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]}


def bucket(scope: Construct, id: str, *, log_to: s3.CfnBucket | None, **more: Any) -> s3.CfnBucket:
    logging = {"destinationBucketName": log_to.ref, "logFilePrefix": f"{id}/"} if log_to else None
    made = s3.CfnBucket(
        scope,
        id,
        bucket_encryption=S3_MANAGED,
        ownership_controls=BY_OWNER,
        public_access_block_configuration=PRIVATE,
        versioning_configuration={"status": "Enabled"},
        logging_configuration=logging,
        **more,
    )
    made.apply_removal_policy(RemovalPolicy.RETAIN)
    return made


def lock(mode: str, days: int) -> dict[str, Any]:
    """Object Lock with default retention, which a writer can lengthen."""
    return {
        "object_lock_enabled": True,
        "object_lock_configuration": {
            "objectLockEnabled": "Enabled",
            "rule": {"defaultRetention": {"mode": mode, "days": days}},
        },
    }


def policy(scope: Construct, id: str, of: s3.CfnBucket, document: dict[str, Any]) -> s3.CfnBucketPolicy:
    made = s3.CfnBucketPolicy(scope, id, bucket=of.ref, policy_document=document)
    made.apply_removal_policy(RemovalPolicy.RETAIN)
    return made


def encrypted_transport(of: s3.CfnBucket, partition: str, *statements: dict[str, Any]) -> dict[str, Any]:
    """A policy that refuses whatever comes without TLS 1.3, and holds these statements besides."""
    arn = f"arn:{partition}:s3:::{of.ref}"
    common = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    refusals = [
        common | {"Sid": "NoPlaintext", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        common | {"Sid": "NoOldTls", "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.3"}}},
    ]
    return {"Version": "2012-10-17", "Statement": [*refusals, *statements]}
