"""The tables AccessState and SubjectKeys."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.place import Place
from infra.settings import Deployment
from infra.tables import table
from phivault.adapters import access_state_table, dynamodb_subject_keys


class State(Place):
    def __init__(self, scope: Construct, settings: Deployment, data_key: kms.IKey) -> None:
        super().__init__(scope, "state", settings, stateful=True)
        self.access_state = table(
            self, "AccessState", access_state_table.TABLE, settings, data_key.key_arn, ttl="expires"
        )
        self.subject_keys = table(self, "SubjectKeys", dynamodb_subject_keys.TABLE, settings, data_key.key_arn)
        acknowledge(
            self.access_state,
            "Sessions and grants recover to any second of 35 days; a copy beyond that would outlive erasures",
            "HIPAA.Security-DynamoDBInBackupPlan",
            "NIST.800.53.R5-DynamoDBInBackupPlan",
        )
        acknowledge(
            self.subject_keys,
            "A backup elsewhere would keep a destroyed key alive: recovery ends when the database's last backup does",
            "HIPAA.Security-DynamoDBInBackupPlan",
            "NIST.800.53.R5-DynamoDBInBackupPlan",
        )
