"""Log groups: encrypted with our key, kept as long as the settings say, retained when their stack goes."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.settings import Deployment


def log_group(scope: Construct, id: str, name: str, settings: Deployment, key_arn: str) -> logs.CfnLogGroup:
    group = logs.CfnLogGroup(
        scope, id, log_group_name=name, retention_in_days=settings.log_retention_days, kms_key_id=key_arn
    )
    group.apply_removal_policy(RemovalPolicy.RETAIN)
    return group


def named(scope: Construct, id: str, group: logs.CfnLogGroup) -> logs.ILogGroup:
    """The same group, for constructs that take no plain resource."""
    return logs.LogGroup.from_log_group_name(scope, id, group.ref)


def arn_of(scope: Construct, group: logs.CfnLogGroup) -> str:
    """The group's ARN without the ``:*`` that its attribute ends with."""
    stack = Stack.of(scope)
    return f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{group.log_group_name}"
