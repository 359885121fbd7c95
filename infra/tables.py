"""DynamoDB tables, from the schemas that the adapters define."""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.settings import DATABASE_BACKUP_DAYS, Deployment


def table(
    scope: Construct, id: str, schema: dict[str, Any], settings: Deployment, key_arn: str, *, ttl: str = ""
) -> dynamodb.CfnTable:
    """``schema`` is an adapter's TABLE: arguments of CreateTable. Recovery goes back as far as the database's."""
    given = lower_camel({name: value for name, value in schema.items() if name != "StreamSpecification"})
    stream = schema.get("StreamSpecification")
    made = dynamodb.CfnTable(
        scope,
        id,
        key_schema=given["keySchema"],
        attribute_definitions=given["attributeDefinitions"],
        global_secondary_indexes=given.get("globalSecondaryIndexes"),
        billing_mode="PAY_PER_REQUEST",
        deletion_protection_enabled=settings.deletion_protection,
        point_in_time_recovery_specification={
            "pointInTimeRecoveryEnabled": True,
            "recoveryPeriodInDays": DATABASE_BACKUP_DAYS,
        },
        sse_specification={"sseEnabled": True, "sseType": "KMS", "kmsMasterKeyId": key_arn},
        stream_specification={"streamViewType": stream["StreamViewType"]} if stream else None,
        time_to_live_specification={"attributeName": ttl, "enabled": True} if ttl else None,
    )
    made.apply_removal_policy(RemovalPolicy.RETAIN)
    return made


def lower_camel(value: Any) -> Any:
    """AWS's names as CDK's: ``KeySchema`` is ``keySchema``. Values stay."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: lower_camel(inner) for name, inner in value.items()}
    return [lower_camel(inner) for inner in value] if isinstance(value, list) else value
