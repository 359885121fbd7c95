"""What auditors work with: exports of the audit log, AWS's own trail beside it, and the role that only reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import buckets
from infra.acknowledge import acknowledge
from infra.auditor import Auditor
from infra.place import Place
from infra.settings import ALIAS, Deployment
from phivault.adapters.audit_bucket import bucket_policy
from phivault.adapters.s3_exports import PERSONAL

EXPORTS_ARN: Final = "exports-bucket-arn"
TRAIL_ARN: Final = "trail-bucket-arn"
_OPENED: Final = {
    "status": "Enabled",
    "prefix": PERSONAL,
    "expirationInDays": 1,
    "noncurrentVersionExpiration": {"noncurrentDays": 1},
}
"""Personal fields that somebody had opened: gone soon after they were fetched, or an erasure wouldn't reach them."""
_ASKED: Final = ("sealer", "exporter", "rotator")
"""Functions that sign with the log's key, or open and end keys of subjects, for whoever may invoke them."""
_NOT_REPLICATED = ("HIPAA.Security-S3BucketReplicationEnabled", "NIST.800.53.R5-S3BucketReplicationEnabled")
_NOT_KMS = ("HIPAA.Security-S3DefaultEncryptionKMS", "NIST.800.53.R5-S3DefaultEncryptionKMS")


class Evidence(Place):
    """``exports`` and ``trail`` are locked buckets: what an auditor was given can't be taken back, and neither can
    what AWS says of the use of keys (``phivault audit reconcile`` compares the two)."""

    def __init__(self, scope: Construct, settings: Deployment, access_logs: s3.CfnBucket) -> None:
        super().__init__(scope, "evidence", settings, stateful=True)
        self.exports = buckets.bucket(
            self,
            "Exports",
            log_to=access_logs,
            lifecycle_configuration={"rules": [_OPENED]},
            **buckets.lock(settings.lock_mode, settings.export_retention_days),
        )
        buckets.policy(self, "ExportsPolicy", self.exports, bucket_policy(self.exports.ref, self.partition))
        self.exports_arn = self.export_value(self.exports.attr_arn, name=f"{settings.prefix}-{EXPORTS_ARN}")
        self.trail = buckets.bucket(
            self, "Trail", log_to=access_logs, **buckets.lock(settings.lock_mode, settings.audit_retention_days)
        )
        self.trail_arn = self.export_value(self.trail.attr_arn, name=f"{settings.prefix}-{TRAIL_ARN}")
        self._trail()
        Auditor(self, settings, self.exports)
        self._acknowledge()

    def _trail(self) -> None:
        name = self.settings.prefix
        arn = f"arn:{self.partition}:cloudtrail:{self.region}:{self.account}:trail/{name}"
        delivery = buckets.policy(
            self,
            "TrailPolicy",
            self.trail,
            buckets.encrypted_transport(self.trail, self.partition, *_delivery(self.trail, self.partition, arn)),
        )
        trail = cloudtrail.CfnTrail(
            self,
            "AccountTrail",
            trail_name=name,
            s3_bucket_name=self.trail.ref,
            is_logging=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            advanced_event_selectors=list(self._recorded()),
        )
        trail.add_dependency(delivery)
        acknowledge(
            trail,
            "The reconciler reads the trail's files; a second copy in CloudWatch would be one more place to keep",
            "HIPAA.Security-CloudTrailCloudWatchLogsEnabled",
            "NIST.800.53.R5-CloudTrailCloudWatchLogsEnabled",
        )
        acknowledge(
            trail,
            "A KMS key could be destroyed under the lock; the trail holds opaque ids, S3's own keys encrypt it",
            "HIPAA.Security-CloudTrailEncryptionEnabled",
            "NIST.800.53.R5-CloudTrailEncryptionEnabled",
        )

    def _recorded(self) -> Iterator[dict[str, Any]]:
        """Management events, every use of a key among them; and who asked for exports, or fetched one, which are data
        events: a trail has none by itself."""
        yield _selector("Management", "Management")
        names = [self.settings.function_arn(name).removesuffix(f":{ALIAS}") for name in _ASKED]
        yield _selector("Invocations", "Data", **{"resources.type": ["AWS::Lambda::Function"], "resources.ARN": names})
        objects = [f"{self.exports.attr_arn}/"]
        yield _selector("Exports", "Data", **{"resources.type": ["AWS::S3::Object"], "resources.ARN": objects})

    def _acknowledge(self) -> None:
        acknowledge(self.exports, "An export can be made again from the audit bucket", *_NOT_REPLICATED)
        acknowledge(self.trail, "A copy of what CloudTrail keeps 90 days itself", *_NOT_REPLICATED)
        for one in (self.exports, self.trail):
            acknowledge(one, "A KMS key could be destroyed under the lock; personal fields are sealed by us", *_NOT_KMS)


def _selector(name: str, category: str, **fields: list[str]) -> dict[str, Any]:
    """ARNs by how they begin: a function's may go on with an alias, a bucket's with a key."""
    selectors: list[dict[str, Any]] = [{"field": "eventCategory", "equalTo": [category]}]
    for field, values in fields.items():
        selectors.append({"field": field, "startsWith" if field == "resources.ARN" else "equalTo": values})
    return {"name": name, "fieldSelectors": selectors}


def _delivery(bucket: s3.CfnBucket, partition: str, trail: str) -> list[dict[str, Any]]:
    """What CloudTrail asks of its bucket, for one trail alone."""
    arn = f"arn:{partition}:s3:::{bucket.ref}"
    common = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceArn": trail}},
    }
    written = {"StringEquals": {"aws:SourceArn": trail, "s3:x-amz-acl": "bucket-owner-full-control"}}
    return [
        common | {"Sid": "TrailLooks", "Action": "s3:GetBucketAcl", "Resource": arn},
        common | {"Sid": "TrailWrites", "Action": "s3:PutObject", "Resource": f"{arn}/*", "Condition": written},
    ]
