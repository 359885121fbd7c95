"""The witness: its signing key, its locked bucket, and the function that cosigns checkpoints with them."""

from __future__ import annotations

from typing import Final

from aws_cdk import CfnOutput, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from functions.table import TABLE
from infra import buckets
from infra.acknowledge import acknowledge
from infra.code import Sources
from infra.dead_letters import dead_letters
from infra.function import Given, TableFunction
from infra.function import Place as Around
from infra.grants import Resources
from infra.keys import Keys, let_logs_use, signing_key
from infra.place import Place
from infra.settings import Deployment

NAME: Final = "witness"


class WitnessStand(Place):
    """Apart from what it watches: who administers the product's account can't sign for the witness, unless the
    settings waive that."""

    def __init__(self, scope: Construct, settings: Deployment, keys: Keys, sources: Sources) -> None:
        super().__init__(scope, "witness", settings, stateful=True, account=settings.witness)
        self.key = signing_key(self, "Key", f"{settings.prefix}: cosigns checkpoints of the audit log")
        self.bucket = buckets.bucket(
            self, "Checkpoints", log_to=None, **buckets.lock(settings.lock_mode, settings.audit_retention_days)
        )
        buckets.policy(self, "CheckpointsPolicy", self.bucket, buckets.encrypted_transport(self.bucket, self.partition))
        self.function = self._function(keys, sources)
        CfnOutput(self, "WitnessKey", value=self.key.attr_arn)
        self._acknowledge()

    def _function(self, keys: Keys, sources: Sources) -> TableFunction:
        row, key = next(row for row in TABLE if row.name == NAME), self._data_key()
        around = Around(
            settings=self.settings,
            sources=sources,
            layers=sources.layers(self, self.settings.architecture),
            key_arn=key.key_arn,
            dead_letters=dead_letters(self, key),
        )
        made = TableFunction(self, row, around, self._given(keys))
        # The sealer's role says that it may; this, that its account may be asked at all.
        made.alias.add_permission("Sealer", principal=iam.AccountPrincipal(self.settings.account))
        return made

    def _given(self, keys: Keys) -> Given:
        settings = self.settings
        own = settings.witness == settings.account
        log_keys = f"arn:aws:kms:{settings.region}:{settings.account}:key/*"
        log_key = keys.log.attr_arn if own else log_keys
        values = {
            "profile": settings.profile,
            "audit_lock_mode": settings.lock_mode,
            "audit_retention_days": str(settings.audit_retention_days),
            "log_origin": settings.log_origin,
            "log_key_arn": keys.log.attr_arn if own else log_keys.replace("key/*", settings.log_key_alias),
            "log_vkey": settings.log_vkey,
            "witness_name": settings.witness_name,
            "witness_bucket": self.bucket.ref,
            "witness_key_arn": self.key.attr_arn,
        }
        arns = {
            "log_key_arn": log_key,
            "witness_bucket": self.bucket.attr_arn,
            "witness_key_arn": self.key.attr_arn,
        }
        wildcards = {
            "witness_bucket": (
                "<Checkpoints.Arn>/*",
                "The objects of its own bucket, one for each checkpoint that it saw",
            )
        }
        if not own:
            reason = "The product's account names one key in the policy of that key; its id isn't known here"
            wildcards["log_key_arn"] = (log_keys, reason)
        return Given(values, Resources(arns), wildcards=wildcards)

    def _data_key(self) -> kms.Key:
        """For its logs and failed calls. The product's key may be in another account."""
        key = kms.Key(
            self,
            "Data",
            description=f"{self.settings.prefix}: encrypts the witness's logs and queue",
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=RemovalPolicy.RETAIN,
        )
        let_logs_use(key)
        return key

    def _acknowledge(self) -> None:
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
