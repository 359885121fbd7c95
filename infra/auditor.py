"""The auditor's way in: a role that reads exports and asks Athena about them, and nothing else."""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import CfnOutput, Duration, RemovalPolicy
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import buckets
from infra.acknowledge import acknowledge, wildcards
from infra.settings import Deployment
from phivault.adapters.s3_exports import PERSONAL
from phivault.audit.projections.columns import JOIN_TRINO, LINE, select

TABLE: Final = "audit_lines"
_RESULT_DAYS: Final = 30
_ONE_EXPORT: Final = "(SELECT * FROM {table} WHERE export = 'EXPORT-ID')"


class Auditor(Construct):
    def __init__(self, scope: Construct, settings: Deployment, exports: s3.CfnBucket) -> None:
        super().__init__(scope, "Auditor")
        self._settings, self._exports = settings, exports
        self._stack = exports.stack
        self._results = self._result_bucket()
        self._workgroup = self._make_workgroup()
        self._database = self._make_table()
        self.role = self._make_role()
        CfnOutput(self._stack, "AuditorRole", value=self.role.role_arn)

    def _result_bucket(self) -> s3.CfnBucket:
        expiry = {
            "status": "Enabled",
            "expirationInDays": _RESULT_DAYS,
            "noncurrentVersionExpiration": {"noncurrentDays": 1},
        }
        made = buckets.bucket(self, "QueryResults", log_to=None, lifecycle_configuration={"rules": [expiry]})
        buckets.policy(self, "QueryResultsPolicy", made, buckets.encrypted_transport(made, self._stack.partition))
        acknowledge(
            made,
            "Results of queries, which expire and can be asked for again",
            "HIPAA.Security-S3BucketReplicationEnabled",
            "NIST.800.53.R5-S3BucketReplicationEnabled",
            "HIPAA.Security-S3BucketLoggingEnabled",
            "NIST.800.53.R5-S3BucketLoggingEnabled",
            "AwsSolutions-S1",
        )
        acknowledge(
            made,
            "Lines of the audit log, whose personal fields are sealed by us",
            "HIPAA.Security-S3DefaultEncryptionKMS",
            "NIST.800.53.R5-S3DefaultEncryptionKMS",
        )
        return made

    def _make_workgroup(self) -> athena.CfnWorkGroup:
        configuration = {
            "enforceWorkGroupConfiguration": True,
            "publishCloudWatchMetricsEnabled": True,
            "engineVersion": {"selectedEngineVersion": "Athena engine version 3"},
            "resultConfiguration": {
                "outputLocation": f"s3://{self._results.ref}/",
                "encryptionConfiguration": {"encryptionOption": "SSE_S3"},
            },
        }
        made = athena.CfnWorkGroup(
            self, "WorkGroup", name=f"{self._settings.prefix}-audit", work_group_configuration=configuration
        )
        made.apply_removal_policy(RemovalPolicy.DESTROY)
        return made

    def _make_table(self) -> glue.CfnDatabase:
        """A table over the segments of every export; the partition is the export's id, which a query must name."""
        name = self._settings.prefix.replace("-", "_")
        database = glue.CfnDatabase(self, "Database", catalog_id=self._stack.account, database_input={"name": name})
        location = f"s3://{self._exports.ref}/"
        table = glue.CfnTable(
            self,
            "Lines",
            catalog_id=self._stack.account,
            database_name=name,
            table_input={
                "name": TABLE,
                "description": "Lines of the audit log, as exports hold them",
                "tableType": "EXTERNAL_TABLE",
                "partitionKeys": [{"name": "export", "type": "string"}],
                "parameters": {
                    "projection.enabled": "true",
                    "projection.export.type": "injected",
                    "storage.location.template": location + "${export}/segments/",
                },
                "storageDescriptor": {
                    "columns": [{"name": column, "type": hive} for column, (_, hive) in LINE.items()],
                    "location": location,
                    "inputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                    "outputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    "serdeInfo": {"serializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
                },
            },
        )
        table.add_dependency(database)
        query = athena.CfnNamedQuery(
            self,
            "AuditLogs",
            database=name,
            name="audit_logs",
            description="One export as the table audit_logs: put its id for EXPORT-ID",
            query_string=select(_ONE_EXPORT.format(table=f"{name}.{TABLE}"), join=JOIN_TRINO),
            work_group=self._workgroup.name,
        )
        query.add_dependency(self._workgroup)
        query.add_dependency(database)
        return database

    def _make_role(self) -> iam.Role:
        settings, stack = self._settings, self._stack
        account = settings.auditor_account or settings.account
        role = iam.Role(
            self,
            "Role",
            role_name=f"{settings.prefix}-auditor",
            assumed_by=iam.AccountPrincipal(account).with_conditions({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
            max_session_duration=Duration.hours(1),
        )
        policy = iam.ManagedPolicy(
            self,
            "Reads",
            document=iam.PolicyDocument.from_json({"Version": "2012-10-17", "Statement": list(self._statements())}),
            roles=[role],
        )
        reason = "Objects of exports and of query results, whose keys are drawn at run time"
        wildcards(policy, reason, "<Exports.Arn>/*", f"<{stack.get_logical_id(self._results)}.Arn>/*")
        return role

    def _statements(self) -> Any:
        stack, name = self._stack, self._settings.prefix.replace("-", "_")
        glue_arn = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
        group = f"arn:{stack.partition}:athena:{stack.region}:{stack.account}:workgroup/{self._workgroup.name}"
        results = self._results.attr_arn
        read, objects = self._exports.attr_arn, "/*"
        for actions, on in (
            (["s3:ListBucket", "s3:GetBucketLocation"], [read, results]),
            (["s3:GetObject", "s3:GetObjectRetention"], [read + objects]),
            (["s3:GetObject", "s3:PutObject"], [results + objects]),
            (
                ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"],
                [f"{glue_arn}:catalog", f"{glue_arn}:database/{name}", f"{glue_arn}:table/{name}/{TABLE}"],
            ),
            (
                [
                    "athena:StartQueryExecution",
                    "athena:GetQueryExecution",
                    "athena:GetQueryResults",
                    "athena:StopQueryExecution",
                    "athena:GetNamedQuery",
                    "athena:ListNamedQueries",
                    "athena:GetWorkGroup",
                ],
                [group],
            ),
        ):
            yield {"Effect": "Allow", "Action": actions, "Resource": on}
        # What somebody else had opened isn't the auditor's to read.
        yield {"Effect": "Deny", "Action": ["s3:GetObject"], "Resource": [f"{read}/{PERSONAL}*"]}
