"""Releases: traffic moves to a new version by CodeDeploy, and back when its alarm sounds."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.acknowledge import managed_policies
from infra.function import TableFunction
from infra.settings import Deployment


class Releases(Construct):
    """One application; for each function a deployment group with the alarm of its alias."""

    def __init__(self, scope: Construct, settings: Deployment, alarms: sns.ITopic) -> None:
        super().__init__(scope, "Releases")
        self._alarms = alarms
        configs = codedeploy.LambdaDeploymentConfig
        self._config = configs.CANARY_10_PERCENT_5_MINUTES if settings.canary else configs.ALL_AT_ONCE
        self._application = codedeploy.LambdaApplication(self, "Application")
        managed = iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWSCodeDeployRoleForLambdaLimited")
        self._role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"), managed_policies=[managed]
        )
        managed_policies(
            self._role, "CodeDeploy's own policy for functions, the limited one", "AWSCodeDeployRoleForLambdaLimited"
        )

    def watch(self, function: TableFunction) -> None:
        alarm = cloudwatch.Alarm(
            self,
            f"{function.node.id}Errors",
            alarm_description=f"{function.row.name} fails, or is asked more than it may answer",
            metric=cloudwatch.MathExpression(
                expression="errors + throttles",
                period=Duration.minutes(1),
                using_metrics={
                    "errors": function.alias.metric_errors(period=Duration.minutes(1)),
                    "throttles": function.alias.metric_throttles(period=Duration.minutes(1)),
                },
            ),
            threshold=5,
            evaluation_periods=2,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self._alarms))
        codedeploy.LambdaDeploymentGroup(
            self,
            f"{function.node.id}Group",
            application=self._application,
            alias=function.alias,
            deployment_config=self._config,
            alarms=[alarm],
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
            ),
            role=self._role.without_policy_updates(),
        )
