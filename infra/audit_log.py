"""Where the audit log stands: the locked bucket, its index, the bucket of what is still being made."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import buckets
from infra.acknowledge import acknowledge
from infra.place import Place
from infra.settings import Deployment
from infra.tables import table
from phivault.adapters import dynamodb_audit_index
from phivault.adapters.audit_bucket import bucket_policy

AUDIT_ARN = "audit-bucket-arn"
HEAD_ARN = "audit-head-bucket-arn"
_ACCESS_LOG_DAYS = 400
_NOT_REPLICATED = ("HIPAA.Security-S3BucketReplicationEnabled", "NIST.800.53.R5-S3BucketReplicationEnabled")
_NOT_KMS = ("HIPAA.Security-S3DefaultEncryptionKMS", "NIST.800.53.R5-S3DefaultEncryptionKMS")


# What is staged or partial is superseded every minute.
_KEEP_A_WEEK = {
    "lifecycle_configuration": {"rules": [{"status": "Enabled", "noncurrentVersionExpiration": {"noncurrentDays": 7}}]}
}


class AuditLog(Place):
    """``audit``: events, full tiles and witnessed checkpoints, locked. ``head``: the checkpoint pointer, partial tiles
    and staging, unlocked."""

    def __init__(self, scope: Construct, settings: Deployment, data_key: kms.IKey) -> None:
        super().__init__(scope, "audit", settings, stateful=True)
        self.access_logs = self._access_logs()
        self.audit = buckets.bucket(
            self,
            "Audit",
            log_to=self.access_logs,
            **buckets.lock(settings.lock_mode, settings.audit_retention_days),
        )
        buckets.policy(self, "AuditPolicy", self.audit, bucket_policy(self.audit.ref, self.partition))
        # An export with a name of its own, by which an acknowledged finding can be told.
        self.audit_arn = self.export_value(self.audit.attr_arn, name=f"{settings.prefix}-{AUDIT_ARN}")
        self.head = buckets.bucket(self, "AuditHead", log_to=self.access_logs, **_KEEP_A_WEEK)
        buckets.policy(self, "AuditHeadPolicy", self.head, buckets.encrypted_transport(self.head, self.partition))
        self.head_arn = self.export_value(self.head.attr_arn, name=f"{settings.prefix}-{HEAD_ARN}")
        self.index = table(self, "AuditIndex", dynamodb_audit_index.TABLE, settings, data_key.key_arn)
        self._acknowledge()

    def _access_logs(self) -> s3.CfnBucket:
        made = buckets.bucket(
            self,
            "AccessLogs",
            log_to=None,
            lifecycle_configuration={
                "rules": [
                    {
                        "status": "Enabled",
                        "expirationInDays": _ACCESS_LOG_DAYS,
                        "noncurrentVersionExpiration": {"noncurrentDays": 1},
                    }
                ]
            },
        )
        writes = self._log_delivery(made)
        buckets.policy(self, "AccessLogsPolicy", made, buckets.encrypted_transport(made, self.partition, writes))
        return made

    def _log_delivery(self, made: s3.CfnBucket) -> dict[str, Any]:
        return {
            "Sid": "LogDelivery",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:{self.partition}:s3:::{made.ref}/*",
            "Condition": {"StringEquals": {"aws:SourceAccount": self.account}},
        }

    def _acknowledge(self) -> None:
        acknowledge(
            self.audit,
            "A KMS key could be destroyed under the lock, and the log with it; personal fields are sealed by us",
            *_NOT_KMS,
        )
        acknowledge(
            self.audit,
            "The witness holds the proof of what stood here; a second region is not built yet",
            *_NOT_REPLICATED,
        )
        acknowledge(self.head, "Holds nothing that can't be computed from the audit bucket again", *_NOT_REPLICATED)
        acknowledge(self.head, "Hashes and signatures of the log, none of it secret", *_NOT_KMS)
        acknowledge(self.access_logs, "Server access logs: the audit log is the record", *_NOT_REPLICATED)
        acknowledge(self.access_logs, "S3 delivers access logs to buckets with its own keys alone", *_NOT_KMS)
        acknowledge(
            self.index,
            "A projection that is rebuilt from the locked log",
            "HIPAA.Security-DynamoDBInBackupPlan",
            "NIST.800.53.R5-DynamoDBInBackupPlan",
        )
