"""Aurora Serverless v2 with PostgreSQL 17: encrypted, reached with IAM tokens over TLS 1.3, recoverable for 35 days."""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_backup as backup
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from constructs import Construct

from infra.acknowledge import acknowledge, managed_policies
from infra.logs import log_group
from infra.network import DATABASE, POSTGRES, Network
from infra.place import Place
from infra.settings import DATABASE_BACKUP_DAYS, Deployment
from local.postgres_files import SETTINGS as LOCAL_SETTINGS
from phivault.adapters.postgres.bootstrap import ROLES

ENGINE, VERSION, FAMILY = "aurora-postgresql", "17.7", "aurora-postgresql17"
CERTIFICATE_AUTHORITY = "rds-ca-rsa2048-g1"
"""Whose root the functions carry (phivault/adapters/rds_ca.pem)."""
_SHARED: Final = ("ssl_min_protocol_version", "password_encryption", "idle_in_transaction_session_timeout")
PARAMETERS: Final = {
    "rds.force_ssl": "1",
    # What the local server is set to: the same TLS floor, the same silence about statements, parameters and rows.
    **{name: value for name, value in LOCAL_SETTINGS.items() if name in _SHARED or name.startswith("log_")},
    "idle_in_transaction_session_timeout": "5000",
}


class Database(Place):
    """``cluster`` and what functions need of it."""

    def __init__(self, scope: Construct, settings: Deployment, network: Network, data_key: kms.IKey) -> None:
        super().__init__(scope, "database", settings, stateful=True)
        self._network, self._key_arn = network, data_key.key_arn
        log_group(self, "Log", f"/aws/rds/cluster/{settings.prefix}/postgresql", settings, self._key_arn)
        self.cluster = self._cluster()
        self._instances()
        self._backups()

    @property
    def secret_arn(self) -> str:
        return self.cluster.attr_master_user_secret_secret_arn

    def user_arns(self) -> dict[str, str]:
        """What rds-db:connect is granted on, by database role."""
        users = f"arn:{self.partition}:rds-db:{self.region}:{self.account}:dbuser"
        return {role: f"{users}:{self.cluster.attr_db_cluster_resource_id}/{role}" for role in ROLES}

    def _cluster(self) -> rds.CfnDBCluster:
        settings = self.settings
        isolated = self._network.vpc.select_subnets(subnet_group_name=DATABASE)
        subnets = rds.CfnDBSubnetGroup(
            self, "Subnets", db_subnet_group_description=settings.prefix, subnet_ids=isolated.subnet_ids
        )
        parameters = rds.CfnDBClusterParameterGroup(
            self,
            "Parameters",
            description=f"{settings.prefix}: TLS 1.3, quiet logs",
            family=FAMILY,
            parameters=PARAMETERS,
        )
        cluster = rds.CfnDBCluster(
            self,
            "Cluster",
            db_cluster_identifier=settings.prefix,
            engine=ENGINE,
            engine_version=VERSION,
            port=POSTGRES,
            db_subnet_group_name=subnets.ref,
            vpc_security_group_ids=[self._network.database.security_group_id],
            db_cluster_parameter_group_name=parameters.ref,
            serverless_v2_scaling_configuration={"minCapacity": settings.min_acu, "maxCapacity": settings.max_acu},
            storage_encrypted=True,
            kms_key_id=self._key_arn,
            enable_iam_database_authentication=True,
            master_username="phivault_admin",
            manage_master_user_password=True,
            master_user_secret={"kmsKeyId": self._key_arn},
            backup_retention_period=DATABASE_BACKUP_DAYS,
            copy_tags_to_snapshot=True,
            deletion_protection=settings.deletion_protection,
            enable_cloudwatch_logs_exports=["postgresql"],
            auto_minor_version_upgrade=True,
        )
        cluster.apply_removal_policy(RemovalPolicy.RETAIN)
        if not settings.deletion_protection:
            acknowledge(
                cluster,
                "Development databases come and go; production refuses this setting, and the stack retains it anyway",
                "HIPAA.Security-RDSInstanceDeletionProtectionEnabled",
                "NIST.800.53.R5-RDSInstanceDeletionProtectionEnabled",
                "AwsSolutions-RDS10",
            )
        return cluster

    def _instances(self) -> None:
        monitoring = self._monitoring_role()
        for number in range(1 + self.settings.database_readers):
            instance = rds.CfnDBInstance(
                self,
                f"Instance{number}",
                db_cluster_identifier=self.cluster.ref,
                engine=ENGINE,
                db_instance_class="db.serverless",
                publicly_accessible=False,
                ca_certificate_identifier=CERTIFICATE_AUTHORITY,
                auto_minor_version_upgrade=True,
                promotion_tier=min(number, 1),
                monitoring_interval=60,
                monitoring_role_arn=monitoring.role_arn,
                enable_performance_insights=True,
                performance_insights_kms_key_id=self._key_arn,
            )
            instance.apply_removal_policy(RemovalPolicy.RETAIN)
            self._acknowledge_instance(instance)

    def _monitoring_role(self) -> iam.Role:
        managed = iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonRDSEnhancedMonitoringRole")
        role = iam.Role(
            self,
            "MonitoringRole",
            assumed_by=iam.ServicePrincipal("monitoring.rds.amazonaws.com"),
            managed_policies=[managed],
        )
        managed_policies(
            role,
            "RDS's own policy for its metrics: it writes to the group RDSOSMetrics alone",
            "AmazonRDSEnhancedMonitoringRole",
        )
        return role

    def _backups(self) -> None:
        """Daily copies apart from the cluster, which go when its own do: what was erased is gone after 35 days."""
        vault = backup.CfnBackupVault(
            self,
            "Vault",
            backup_vault_name=self.settings.prefix,
            encryption_key_arn=self._key_arn,
            access_policy=_KEEP,
        )
        vault.apply_removal_policy(RemovalPolicy.RETAIN)
        plan = backup.CfnBackupPlan(
            self,
            "Plan",
            backup_plan={
                "backupPlanName": self.settings.prefix,
                "backupPlanRule": [
                    {
                        "ruleName": "daily",
                        "targetBackupVault": vault.ref,
                        "scheduleExpression": "cron(0 5 * * ? *)",
                        "lifecycle": {"deleteAfterDays": DATABASE_BACKUP_DAYS},
                    }
                ],
            },
        )
        backup.CfnBackupSelection(
            self,
            "Selection",
            backup_plan_id=plan.ref,
            backup_selection={
                "selectionName": "database",
                "iamRoleArn": self._backup_role().role_arn,
                "resources": [f"arn:{self.partition}:rds:{self.region}:{self.account}:cluster:{self.cluster.ref}"],
            },
        )

    def _backup_role(self) -> iam.Role:
        names = ("AWSBackupServiceRolePolicyForBackup",)
        policies = [iam.ManagedPolicy.from_aws_managed_policy_name(f"service-role/{name}") for name in names]
        role = iam.Role(
            self, "BackupRole", assumed_by=iam.ServicePrincipal("backup.amazonaws.com"), managed_policies=policies
        )
        managed_policies(
            role,
            "AWS Backup's own policy, which changes with the service; the plan selects one cluster",
            "AWSBackupServiceRolePolicyForBackup",
        )
        return role

    def _acknowledge_instance(self, instance: rds.CfnDBInstance) -> None:
        acknowledge(
            instance,
            "Aurora backs up the cluster, which the plan selects; instances hold nothing",
            "HIPAA.Security-RDSInBackupPlan",
            "NIST.800.53.R5-RDSInBackupPlan",
        )


_KEEP = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"],
            "Resource": "*",
        }
    ],
}
"""Recovery points end with their plan, not by hand."""
