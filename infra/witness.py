"""The witness's account: its signing key and its locked bucket. Nothing signs with them yet."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra import buckets
from infra.acknowledge import acknowledge
from infra.place import Place
from infra.settings import Deployment


class WitnessStand(Place):
    """Apart from what it watches: who administers the product's account can't sign for the witness, unless the
    settings waive that."""

    def __init__(self, scope: Construct, settings: Deployment) -> None:
        super().__init__(scope, "witness", settings, stateful=True, account=settings.witness)
        self.key = kms.CfnKey(
            self,
            "Key",
            description=f"{settings.prefix}: cosigns checkpoints of the audit log",
            key_spec="ECC_NIST_EDWARDS25519",
            key_usage="SIGN_VERIFY",
            pending_window_in_days=30,
        )
        self.key.apply_removal_policy(RemovalPolicy.RETAIN)
        self.bucket = buckets.bucket(
            self, "Checkpoints", log_to=None, **buckets.lock(settings.lock_mode, settings.audit_retention_days)
        )
        buckets.policy(self, "CheckpointsPolicy", self.bucket, buckets.encrypted_transport(self.bucket, self.partition))
        acknowledge(
            self.bucket,
            "Checkpoints are a copy already, of what the product's account holds",
            "HIPAA.Security-S3BucketReplicationEnabled",
            "NIST.800.53.R5-S3BucketReplicationEnabled",
        )
        acknowledge(
            self.bucket,
            "A KMS key could be destroyed under the lock; checkpoints are public anyway",
            "HIPAA.Security-S3DefaultEncryptionKMS",
            "NIST.800.53.R5-S3DefaultEncryptionKMS",
        )
        acknowledge(
            self.bucket,
            "Locked objects can't be changed, and who reads checkpoints doesn't matter",
            "HIPAA.Security-S3BucketLoggingEnabled",
            "NIST.800.53.R5-S3BucketLoggingEnabled",
            "AwsSolutions-S1",
        )
