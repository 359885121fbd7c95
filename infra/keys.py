"""The KMS keys: one wraps what seals PHI, one encrypts all else at rest, one signs the audit log."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.place import Place
from infra.settings import Deployment

_THROUGH = ("dynamodb", "rds", "secretsmanager", "sns", "sqs", "backup")
_USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")


class Keys(Place):
    """``subjects`` wraps subject keys and the tenant context's keys, and only roles that name it may use it.
    ``data`` is used by AWS services on behalf of whoever may use the encrypted resource. ``log`` signs the audit log's
    checkpoints; the witness, wherever it stands, may read its public half."""

    def __init__(self, scope: Construct, settings: Deployment) -> None:
        super().__init__(scope, "keys", settings, stateful=True)
        self.subjects = self._key("subjects", "Wraps subject keys and tenant context keys")
        self.data = self._key("data", "Encrypts tables, database, logs, topics and queues")
        self.log = signing_key(self, "Log", f"{settings.prefix}: signs the audit log", readable_by=settings.witness)
        kms.CfnAlias(self, "LogAlias", alias_name=settings.log_key_alias, target_key_id=self.log.ref)
        self._let_services_use_data()

    @property
    def wrapping(self) -> str:
        """The ARN of the key that wraps subject keys."""
        return self.settings.subject_key_arn or self.subjects.key_arn

    @property
    def formerly_wrapping(self) -> tuple[str, ...]:
        """Those that wrapped before; our own too, once another wraps."""
        own = (self.subjects.key_arn,) if self.settings.subject_key_arn else ()
        return (*own, *self.settings.former_subject_key_arns)

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
        let_logs_use(self.data)
        self.data.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsToTopic",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )


def signing_key(scope: Construct, id: str, description: str, *, readable_by: str = "") -> kms.CfnKey:
    """An Ed25519 key (RFC 8032). ``readable_by`` is an account that may read its public half besides our own."""
    stack = Stack.of(scope)
    own = f"arn:{stack.partition}:iam::{stack.account}:root"
    statements = [_allow("Account", own, "kms:*")]
    if readable_by and readable_by != stack.account:
        statements.append(_allow("PublicKey", f"arn:{stack.partition}:iam::{readable_by}:root", "kms:GetPublicKey"))
    key = kms.CfnKey(
        scope,
        id,
        description=description,
        key_spec="ECC_NIST_EDWARDS25519",
        key_usage="SIGN_VERIFY",
        pending_window_in_days=30,
        key_policy={"Version": "2012-10-17", "Statement": statements},
    )
    key.apply_removal_policy(RemovalPolicy.RETAIN)
    return key


def _allow(sid: str, principal: str, action: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"}


def let_logs_use(key: kms.Key) -> None:
    """CloudWatch encrypts this account's log groups with it."""
    stack = Stack.of(key)
    groups = f"arn:aws:logs:{stack.region}:{stack.account}:log-group:*"
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="Logs",
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=list(_USE),
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        )
    )
