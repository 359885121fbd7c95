"""What the stack's CloudFormation makes in an account, made on the local endpoints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from phivault.adapters import access_state_table, dynamodb_audit_index, dynamodb_subject_keys
from phivault.adapters.audit_bucket import bucket_policy
from phivault.adapters.aws import client

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]


@dataclass(frozen=True, slots=True)
class Resources:
    """Names and ARNs. Fields are named as the fields of ``phivault.settings`` that hold them."""

    audit_bucket: str
    audit_lock_mode: LockMode
    audit_retention_days: int
    audit_index_table: str
    audit_index_stream_arn: str
    access_state_table: str
    subject_keys_table: str
    subject_key_arn: str
    alert_topic_arn: str

    def environment(self) -> dict[str, str]:
        """As variables for ``phivault.settings``."""
        return {f"PHIVAULT_{name.upper()}": str(getattr(self, name)) for name in self.__slots__}


def create_resources(
    prefix: str = "phivault", *, lock_mode: LockMode = "COMPLIANCE", retention_days: int = 2192
) -> Resources:
    """Create everything, on the endpoints that the environment names (``LocalAws.environment``)."""
    bucket = create_audit_bucket(f"{prefix}-audit", lock_mode=lock_mode, retention_days=retention_days)
    index = create_table(f"{prefix}-AuditIndex", dynamodb_audit_index.TABLE)
    return Resources(
        audit_bucket=bucket,
        audit_lock_mode=lock_mode,
        audit_retention_days=retention_days,
        audit_index_table=f"{prefix}-AuditIndex",
        audit_index_stream_arn=index["LatestStreamArn"],
        access_state_table=create_table(f"{prefix}-AccessState", access_state_table.TABLE)["TableName"],
        subject_keys_table=create_table(f"{prefix}-SubjectKeys", dynamodb_subject_keys.TABLE)["TableName"],
        subject_key_arn=client("kms").create_key(Description=f"{prefix} subject keys")["KeyMetadata"]["Arn"],
        alert_topic_arn=client("sns").create_topic(Name=f"{prefix}-alerts")["TopicArn"],
    )


def create_audit_bucket(name: str, *, lock_mode: LockMode = "COMPLIANCE", retention_days: int = 2192) -> str:
    """A versioned bucket with Object Lock, default retention and the policy of the audit log."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(
        Bucket=name,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": lock_mode, "Days": retention_days}},
        },
    )
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(bucket_policy(name)))
    return name


def create_table(name: str, schema: dict[str, Any]) -> Any:
    """A table billed per request; answers DynamoDB's TableDescription."""
    made = client("dynamodb").create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **schema)
    return made["TableDescription"]
