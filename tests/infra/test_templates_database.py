"""Database and tables in the templates."""

from __future__ import annotations

import pytest

from infra.settings import DATABASE_BACKUP_DAYS
from tests.infra.reading import Assembly, only, properties, text

pytestmark = pytest.mark.infra


def test_database_capacity(dev: Assembly, production: Assembly):
    assert only(dev, "AWS::RDS::DBCluster")["ServerlessV2ScalingConfiguration"] == {"MinCapacity": 0, "MaxCapacity": 2}
    capacity = only(production, "AWS::RDS::DBCluster")["ServerlessV2ScalingConfiguration"]
    assert capacity == {"MinCapacity": 0.5, "MaxCapacity": 8}
    assert len(properties(production, "AWS::RDS::DBInstance")) == 2


def test_database_is_encrypted_reached_by_iam_and_kept(stacks: Assembly):
    cluster = only(stacks, "AWS::RDS::DBCluster")
    assert cluster["EngineVersion"].startswith("17.")
    assert cluster["StorageEncrypted"] is True
    assert "KmsKeyId" in cluster
    assert cluster["EnableIAMDatabaseAuthentication"] is True
    assert cluster["BackupRetentionPeriod"] == DATABASE_BACKUP_DAYS == 35
    assert cluster["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in cluster
    assert {one["PubliclyAccessible"] for one in properties(stacks, "AWS::RDS::DBInstance")} == {False}


def test_database_takes_tls13_alone_and_logs_no_statement(stacks: Assembly):
    parameters = only(stacks, "AWS::RDS::DBClusterParameterGroup")["Parameters"]
    assert parameters["rds.force_ssl"] == "1"
    assert parameters["ssl_min_protocol_version"] == "TLSv1.3"
    assert parameters["log_statement"] == "none"
    assert parameters["log_parameter_max_length"] == "0"
    assert parameters["log_parameter_max_length_on_error"] == "0"


def test_no_backup_outlives_an_erasures_certificate(stacks: Assembly):
    """Subject keys recover as long as the database does, and no longer: else a destroyed key would come back."""
    plan = only(stacks, "AWS::Backup::BackupPlan")["BackupPlan"]["BackupPlanRule"]
    days = {rule["Lifecycle"]["DeleteAfterDays"] for rule in plan}
    assert days == {only(stacks, "AWS::RDS::DBCluster")["BackupRetentionPeriod"]}
    keys = stacks["state"]["Resources"]["SubjectKeys"]["Properties"]
    assert days == {keys["PointInTimeRecoverySpecification"]["RecoveryPeriodInDays"]}
    assert "StreamSpecification" not in keys
    selected = only(stacks, "AWS::Backup::BackupSelection")["BackupSelection"]["Resources"]
    assert len(selected) == 1
    assert ":rds:" in text(selected[0])


def test_tables_are_encrypted_and_recoverable(stacks: Assembly):
    tables = properties(stacks, "AWS::DynamoDB::Table")
    assert len(tables) == 3
    for table in tables:
        assert table["SSESpecification"]["SSEType"] == "KMS"
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert stacks["state"]["Resources"]["AccessState"]["Properties"]["TimeToLiveSpecification"] == {
        "AttributeName": "expires",
        "Enabled": True,
    }
