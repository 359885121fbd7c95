"""What every function needs that records: names, ARNs, and the wildcards that cdk-nag asks about."""

from __future__ import annotations

from infra.audit_log import AUDIT_ARN, HEAD_ARN, AuditLog
from infra.function import Given
from infra.grants import Resources
from infra.settings import Deployment
from phivault.adapters import dynamodb_audit_index

OBJECTS = "The objects of one bucket, whose keys are drawn at run time"


def recording(settings: Deployment, log: AuditLog) -> Given:
    values = {
        "profile": settings.profile,
        "audit_bucket": log.audit.ref,
        "audit_head_bucket": log.head.ref,
        "audit_index_table": log.index.ref,
        "audit_lock_mode": settings.lock_mode,
        "audit_retention_days": str(settings.audit_retention_days),
        "audit_deadline_seconds": "3.0",
    }
    arns = {
        "audit_bucket": log.audit_arn,
        "audit_head_bucket": log.head_arn,
        "audit_index_table": log.index.attr_arn,
    }
    indexes = tuple(index["IndexName"] for index in dynamodb_audit_index.TABLE["GlobalSecondaryIndexes"])
    wildcards = {
        # The exports that hold the ARNs have names of their own.
        "audit_bucket": (f"{settings.prefix}-{AUDIT_ARN}/*", OBJECTS),
        "audit_head_bucket": (f"{settings.prefix}-{HEAD_ARN}/*", OBJECTS),
    }
    return Given(values, Resources(arns, indexes={"audit_index_table": indexes}), wildcards=wildcards)


def joined(one: Given, other: Given) -> Given:
    """Both; where they differ, ``other``."""
    resources = Resources(
        {**one.resources.arns, **other.resources.arns},
        {**one.resources.parts, **other.resources.parts},
        {**one.resources.indexes, **other.resources.indexes},
        {**one.resources.former, **other.resources.former},
    )
    return Given(
        {**one.values, **other.values},
        resources,
        {**one.streams, **other.streams},
        {**one.wildcards, **other.wildcards},
    )
