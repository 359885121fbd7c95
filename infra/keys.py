"""The KMS keys: one wraps what seals PHI, the other encrypts everything at rest that holds none in clear."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.place import Place
from infra.settings import Deployment

_THROUGH = ("dynamodb", "rds", "secretsmanager", "sns", "sqs", "backup")
_USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")


class Keys(Place):
    """``subjects`` wraps subject keys and the tenant context's keys, and only roles that name it may use it.
    ``data`` is used by AWS services on behalf of whoever may use the encrypted resource."""

    def __init__(self, scope: Construct, settings: Deployment) -> None:
        super().__init__(scope, "keys", settings, stateful=True)
        self.subjects = self._key("subjects", "Wraps subject keys and tenant context keys")
        self.data = self._key("data", "Encrypts tables, database, logs, topics and queues")
        self._let_services_use_data()

    def _key(self, name: str, description: str) -> kms.Key:
        return kms.Key(
            self,
            name.capitalize(),
            alias=f"alias/{self.settings.prefix}/{name}",
            description=f"{self.settings.prefix}: {description}",
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _let_services_use_data(self) -> None:
        """Through a service, and for principals of this account alone, who need that service's permission as well."""
        self.data.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ThroughServices",
                principals=[iam.AnyPrincipal()],
                actions=[*_USE, "kms:CreateGrant"],
                resources=["*"],
                conditions={
                    "StringEquals": {
                        "kms:CallerAccount": self.account,
                        "kms:ViaService": [f"{service}.{self.region}.amazonaws.com" for service in _THROUGH],
                    }
                },
            )
        )
        self.data.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Logs",
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=list(_USE),
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{self.region}:{self.account}:log-group:*"
                    }
                },
            )
        )
        self.data.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsToTopic",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
