"""Whoever is told of alarms hears when a committed version couldn't be noted outside the database (docs/adr/0041)."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.settings import Deployment

LINE = "committed versions have no anchor"
"""As phivault.records.anchors logs it."""


class Unanchored(Construct):
    def __init__(self, scope: Construct, settings: Deployment, log: logs.CfnLogGroup, alarms: sns.ITopic) -> None:
        super().__init__(scope, "Unanchored")
        space, name = f"{settings.prefix}/records", "Unanchored"
        logs.CfnMetricFilter(
            self,
            "Lines",
            log_group_name=log.ref,
            filter_pattern=f'{{ $.level = "ERROR" && $.message = "{LINE}*" }}',
            metric_transformations=[
                logs.CfnMetricFilter.MetricTransformationProperty(
                    metric_namespace=space, metric_name=name, metric_value="1"
                )
            ],
        )
        metric = cloudwatch.Metric(namespace=space, metric_name=name, statistic="Sum", period=Duration.minutes(5))
        alarm = cloudwatch.Alarm(
            self,
            "Alarm",
            alarm_description="Versions were committed that an older row could pass for",
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(alarms))
