"""What has no data of its own: functions, alerts, releases. It can be replaced as a whole."""

from __future__ import annotations

import json
from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from functions.row import Function
from functions.table import TABLE
from infra.audit_log import AuditLog
from infra.code import Sources
from infra.database import Database
from infra.dead_letters import dead_letters
from infra.events import alerts_from, invoked_every
from infra.evidence import EXPORTS_ARN, TRAIL_ARN, Evidence
from infra.function import Given, TableFunction
from infra.function import Place as Around
from infra.grants import Resources
from infra.identity import Identity
from infra.keys import Keys
from infra.migrations import Migrations
from infra.network import FUNCTIONS, Network
from infra.place import Place
from infra.recording import OBJECTS, joined, recording
from infra.release import Releases
from infra.settings import DATABASE_BACKUP_DAYS, Deployment
from infra.state import State
from infra.unanchored import Unanchored
from infra.witness import NAME as WITNESS

MIGRATE = "cloudformation"
RECONCILER = "reconciler"


@dataclass(frozen=True, slots=True)
class Stores:
    """The stateful stacks that functions reach."""

    keys: Keys
    network: Network
    identity: Identity
    database: Database
    audit_log: AuditLog
    evidence: Evidence
    state: State


class Application(Place):
    def __init__(self, scope: Construct, settings: Deployment, stores: Stores, sources: Sources) -> None:
        super().__init__(scope, "application", settings, stateful=False)
        self._stores = stores
        self._key_arn = stores.keys.data.key_arn
        self.alerts = self._topic()
        self._around = self._surroundings(sources)
        # A release waits for its record; nobody waits for a release.
        patient = Given({"audit_deadline_seconds": "30.0"}, Resources({}))
        migrate = TableFunction(self, _row(MIGRATE), self._around, joined(self._given(""), patient))
        self.migrations = Migrations(self, settings, migrate)
        self.migrations.node.add_dependency(migrate)
        given = self._given(self.migrations.context_keys)
        self.functions = {
            row.name: self._function(row, given)
            for row in TABLE
            if row.trigger != MIGRATE
            and not row.trigger.startswith("cognito:")
            and row.name not in (WITNESS, RECONCILER)
        }
        self.functions[RECONCILER] = self._reconciler(given)
        for function in self.functions.values():
            invoked_every(function)
        alerts_from(self.functions["alerts"], stores.audit_log.index.attr_stream_arn, self._around.dead_letters)
        releases = Releases(self, settings, self.alerts)
        for function in self.functions.values():
            releases.watch(function)
        Unanchored(self, settings, self.functions["records"].log, self.alerts)

    def _topic(self) -> sns.Topic:
        topic = sns.Topic(self, "AlertTopic", master_key=self._stores.keys.data, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        if self.settings.alert_email:
            topic.add_subscription(subscriptions.EmailSubscription(self.settings.alert_email))
        return topic

    def _surroundings(self, sources: Sources) -> Around:
        network = self._stores.network
        return Around(
            settings=self.settings,
            sources=sources,
            layers=sources.layers(self, self.settings.architecture),
            key_arn=self._key_arn,
            dead_letters=dead_letters(self, self._stores.keys.data),
            vpc=network.vpc,
            subnets=ec2.SubnetSelection(subnet_group_name=FUNCTIONS),
            group=network.functions,
        )

    def _function(self, row: Function, given: Given) -> TableFunction:
        made = TableFunction(self, row, self._around, given)
        if "tenant_context_keys" in row.settings:
            # The version keeps the environment that it was published with, and CDK can't see this value change.
            made.function.invalidate_version_based_on(self.migrations.fingerprint)
        made.node.add_dependency(self.migrations.resource)
        return made

    def _reconciler(self, given: Given) -> TableFunction:
        """Last: it is told the roles of the functions that may open keys."""
        roles = {
            made.row.name: made.role.role_arn
            for made in (*self.functions.values(), *self._stores.identity.triggers.values())
            if any("kms:Decrypt" in grant.actions for grant in made.row.grants)
        }
        (row,) = (row for row in TABLE if row.name == RECONCILER)
        return self._function(row, joined(given, Given({"function_roles": self.to_json_string(roles)}, Resources({}))))

    def _given(self, context_keys: str) -> Given:
        stores, settings = self._stores, self.settings
        values = {
            "cors_origins": json.dumps(settings.cors_origins),
            "audit_exports_bucket": stores.evidence.exports.ref,
            "export_retention_days": str(settings.export_retention_days),
            "log_origin": settings.log_origin,
            "log_key_arn": stores.keys.log.attr_arn,
            "witness_function": settings.function_arn(WITNESS, settings.witness),
            "witness_name": settings.witness_name,
            "witness_account": settings.witness,
            "sealer_function": settings.function_arn("sealer"),
            "exporter_function": settings.function_arn("exporter"),
            "trail_bucket": stores.evidence.trail.ref,
            "gateway_log_group": f"/{settings.prefix}/api",
            "subject_key_arn": stores.keys.wrapping,
            "former_subject_key_arns": self.to_json_string(list(stores.keys.formerly_wrapping)),
            "subject_key_recovery_days": str(DATABASE_BACKUP_DAYS),
            "subject_keys_table": stores.state.subject_keys.ref,
            "subject_key_cache_seconds": "300",
            "access_state_table": stores.state.access_state.ref,
            "client_id": stores.identity.client.ref,
            "token_issuer": stores.identity.issuer,
            "user_pool_id": stores.identity.pool.ref,
            "email_sender": settings.email_sender,
            "sms_origination_arn": settings.sms_origination_arn,
            "alert_topic_arn": self.alerts.topic_arn,
            "postgres_host": stores.database.cluster.attr_endpoint_address,
            "postgres_secret_arn": stores.database.secret_arn,
            "tenant_context_keys": context_keys,
        }
        streams = {"dynamodb:audit_index_table": stores.audit_log.index.attr_stream_arn}
        own = Given(values, self._resources(), streams, self._wildcards())
        return joined(recording(settings, stores.audit_log), own)

    def _wildcards(self) -> dict[str, tuple[str, str]]:
        """Buckets of other stacks, by the names of the exports that hold their ARNs."""
        exported = {"audit_exports_bucket": EXPORTS_ARN, "trail_bucket": TRAIL_ARN}
        buckets = {setting: (f"{self.settings.prefix}-{name}/*", OBJECTS) for setting, name in exported.items()}
        return buckets | {"gateway_log_group": (self._gateway_log_arn(), "All streams of the API's access log")}

    def _gateway_log_arn(self) -> str:
        return f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group:/{self.settings.prefix}/api:*"

    def _resources(self) -> Resources:
        stores = self._stores
        arns = {
            "audit_exports_bucket": stores.evidence.exports_arn,
            "trail_bucket": stores.evidence.trail_arn,
            "log_key_arn": stores.keys.log.attr_arn,
            "witness_function": self.settings.function_arn(WITNESS, self.settings.witness),
            "sealer_function": self.settings.function_arn("sealer"),
            "exporter_function": self.settings.function_arn("exporter"),
            "gateway_log_group": self._gateway_log_arn(),
            "subject_key_arn": stores.keys.wrapping,
            "subject_keys_table": stores.state.subject_keys.attr_arn,
            "access_state_table": stores.state.access_state.attr_arn,
            "user_pool_id": stores.identity.pool.attr_arn,
            "email_identity_arn": self.settings.email_identity,
            "sms_origination_arn": self.settings.sms_origination,
            "alert_topic_arn": self.alerts.topic_arn,
            "postgres_secret_arn": stores.database.secret_arn,
        }
        parts = {("postgres_host", role): arn for role, arn in stores.database.user_arns().items()}
        return Resources(arns, parts, former={"subject_key_arn": stores.keys.formerly_wrapping})


def _row(trigger: str) -> Function:
    return next(row for row in TABLE if row.trigger == trigger)
