"""What the stack's CloudFormation makes in an account, made on the local endpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from phivault.adapters import access_state_table, dynamodb_audit_index, dynamodb_subject_keys
from phivault.adapters.audit_bucket import bucket_policy, head_policy
from phivault.adapters.aws import client
from phivault.adapters.kms_signer import KmsSigner
from phivault.audit.log.note import log_vkey, witness_vkey

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
    audit_head_bucket: str
    audit_exports_bucket: str
    witness_bucket: str
    log_origin: str
    log_key_arn: str
    witness_name: str
    witness_key_arn: str
    log_vkey: str
    witness_vkey: str
    trail_bucket: str
    gateway_log_group: str

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
        audit_head_bucket=create_head_bucket(f"{prefix}-audit-head"),
        audit_exports_bucket=create_audit_bucket(
            f"{prefix}-audit-exports", lock_mode=lock_mode, retention_days=retention_days
        ),
        witness_bucket=create_audit_bucket(f"{prefix}-witness", lock_mode=lock_mode, retention_days=retention_days),
        log_origin=(origin := f"{prefix}.local/log"),
        log_key_arn=(log_key := create_signing_key(f"{prefix} log")),
        witness_name=(witness := f"{prefix}.local/witness"),
        witness_key_arn=(witness_key := create_signing_key(f"{prefix} witness")),
        log_vkey=log_vkey(origin, KmsSigner(log_key).public_key),
        witness_vkey=witness_vkey(witness, KmsSigner(witness_key).public_key),
        trail_bucket=create_audit_bucket(
            f"{prefix}-trail", lock_mode=lock_mode, retention_days=retention_days, policy=head_policy
        ),
        gateway_log_group=create_log_group(f"/{prefix}/api"),
    )


def create_log_group(name: str) -> str:
    client("logs").create_log_group(logGroupName=name)
    return name


def create_signing_key(description: str) -> str:
    """The ARN of a new Ed25519 key."""
    made = client("kms").create_key(Description=description, KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")
    return made["KeyMetadata"]["Arn"]


def create_audit_bucket(
    name: str,
    *,
    lock_mode: LockMode = "COMPLIANCE",
    retention_days: int = 2192,
    policy: Callable[[str], dict[str, Any]] = bucket_policy,
) -> str:
    """A versioned bucket with Object Lock and default retention, by default under the policy of the audit log."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(
        Bucket=name,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": lock_mode, "Days": retention_days}},
        },
    )
    _keep_private(name, policy(name))
    return name


def create_head_bucket(name: str) -> str:
    """A versioned bucket without a lock, as the log's head stands in."""
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    _keep_private(name, head_policy(name))
    return name


def _keep_private(bucket: str, policy: dict[str, Any]) -> None:
    s3 = client("s3")
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def create_table(name: str, schema: dict[str, Any]) -> Any:
    """A table billed per request; answers DynamoDB's TableDescription."""
    made = client("dynamodb").create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **schema)
    return made["TableDescription"]
