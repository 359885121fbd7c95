"""One function of the table: its role, its log, its environment, the alias that its callers call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.row import Function
from infra.acknowledge import acknowledge, wildcards
from infra.code import ARCHITECTURES, RUNTIME, Sources
from infra.grants import (
    INTERFACES,
    ON_OBJECTS,
    STREAMS,
    TRACES,
    WILDCARDS,
    Platform,
    Resources,
    environment,
    granted,
    platform,
)
from infra.logs import arn_of, log_group, named
from infra.roles import managed_policy, role_for
from infra.settings import ALIAS, Deployment


@dataclass(frozen=True, slots=True)
class Place:
    """Where a function runs and what it is made from."""

    settings: Deployment
    sources: Sources
    layers: list[lambda_.ILayerVersion]
    key_arn: str
    dead_letters: sqs.IQueue
    vpc: ec2.IVpc | None = None
    subnets: ec2.SubnetSelection | None = None
    group: ec2.ISecurityGroup | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What the stacks made: values by setting, and the ARNs that grants are on. ``wildcards`` are those of them that
    end with a ``*`` or whose objects do, by setting: how cdk-nag writes them, and why no more can be named."""

    values: Mapping[str, str]
    resources: Resources
    streams: Mapping[str, str] = field(default_factory=dict)
    wildcards: Mapping[str, tuple[str, str]] = field(default_factory=dict)


class TableFunction(Construct):
    """Its role is the row's grants and what Lambda itself needs; there is no other policy on it."""

    def __init__(self, scope: Construct, row: Function, place: Place, given: Given) -> None:
        super().__init__(scope, row.name.replace("_", " ").title().replace(" ", ""))
        self.row = row
        self.log = log_group(self, "Log", f"/{place.settings.prefix}/{row.name}", place.settings, place.key_arn)
        self.role = role_for(self, "Role", "lambda.amazonaws.com")
        stream = given.streams.get(row.trigger, "")
        use = Platform(arn_of(self, self.log), place.dead_letters.queue_arn, stream)
        statements = [*granted(row, given.resources), *platform(row, use)]
        self.policy = managed_policy(self, "Policy", self.role, statements)
        self.function = self._function(place, given)
        if not row.trigger.startswith("cognito:"):  # the pool names this function, its policy the pool
            self.function.node.add_dependency(self.policy)
        self.alias = lambda_.Alias(self, "Live", alias_name=ALIAS, version=self.function.current_version)
        self._acknowledge(place, given)

    def _function(self, place: Place, given: Given) -> lambda_.Function:
        row, settings = self.row, place.settings
        inside: dict[str, Any] = {"vpc": place.vpc, "vpc_subnets": place.subnets, "security_groups": [place.group]}
        return lambda_.Function(
            self,
            "Function",
            function_name=settings.function_name(row.name),
            description=row.purpose,
            runtime=RUNTIME,
            architecture=ARCHITECTURES[settings.architecture],
            handler=f"functions.{row.name}.handler.handler",
            code=place.sources.function(row),
            layers=place.layers,
            role=self.role.without_policy_updates(),
            environment=environment(row, given.values),
            timeout=Duration.seconds(row.timeout_seconds),
            memory_size=row.memory_mb,
            reserved_concurrent_executions=settings.reserved_concurrency or None,
            dead_letter_queue=place.dead_letters,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=named(self, "NamedLog", self.log),
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
            **(inside if row.postgres else {}),
        )

    def _acknowledge(self, place: Place, given: Given) -> None:
        reasons = [WILDCARDS[TRACES]]
        reasons += [WILDCARDS[INTERFACES]] if self.row.postgres else []
        reasons += [WILDCARDS[STREAMS]] if self.row.trigger.startswith("dynamodb:") else []
        wildcards(self.policy, "; ".join(reasons), "*")
        wildcards(self.policy, "The streams of the function's own log", f"{arn_of(self, self.log)}:log-stream:*")
        beyond = [
            one for one in self.row.grants if ON_OBJECTS & set(one.actions) or not one.setting.endswith("_bucket")
        ]
        for setting in dict.fromkeys(one.setting for one in beyond if one.setting in given.wildcards):
            written, reason = given.wildcards[setting]
            wildcards(self.policy, reason, written)
        acknowledge(
            self.function,
            "Python 3.13 is what the layers' wheels and the tests are for; a newer runtime comes with a new lock",
            "AwsSolutions-L1",
        )
        if not self.row.postgres:
            acknowledge(
                self.function,
                "Reaches AWS services alone, which its role bounds; inside the network it would only lose its way out",
                "HIPAA.Security-LambdaInsideVPC",
                "NIST.800.53.R5-LambdaInsideVPC",
            )
        if not place.settings.reserved_concurrency:
            acknowledge(
                self.function,
                "A new account's limit leaves nothing to reserve; production refuses this setting",
                "HIPAA.Security-LambdaConcurrency",
                "NIST.800.53.R5-LambdaConcurrency",
            )
