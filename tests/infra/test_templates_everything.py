"""What holds for every resource of the templates: kept, encrypted, without secrets."""

from __future__ import annotations

import re

import pytest

from tests.infra.reading import Assembly, functions, only, properties, resources, strings

pytestmark = pytest.mark.infra


STATEFUL = {
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::KMS::Key",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::Logs::LogGroup",
    "AWS::Backup::BackupVault",
    "AWS::SQS::Queue",
}


def test_nothing_with_data_is_destroyed(stacks: Assembly):
    found = [(name, one) for name, one in resources(stacks).items() if one["Type"] in STATEFUL]
    assert {one["Type"] for _, one in found} == STATEFUL
    lost = [
        name
        for name, one in found
        if (one.get("DeletionPolicy"), one.get("UpdateReplacePolicy")) != ("Retain", "Retain")
    ]
    assert lost == []


def test_production_protects_from_deletion(production: Assembly):
    assert only(production, "AWS::RDS::DBCluster")["DeletionProtection"] is True
    assert only(production, "AWS::Cognito::UserPool")["DeletionProtection"] == "ACTIVE"
    assert {table["DeletionProtectionEnabled"] for table in properties(production, "AWS::DynamoDB::Table")} == {True}


def test_keys_rotate(stacks: Assembly):
    for key in properties(stacks, "AWS::KMS::Key"):
        assert key.get("EnableKeyRotation") is True or key["KeyUsage"] == "SIGN_VERIFY"


def test_log_groups_are_encrypted_and_end(stacks: Assembly):
    for group in properties(stacks, "AWS::Logs::LogGroup"):
        assert "KmsKeyId" in group
        assert group["RetentionInDays"] > 0


SECRET = re.compile(
    r"AKIA[A-Z0-9]{16}|-----BEGIN|postgres(ql)?://|password\s*[=:]|eyJ[A-Za-z0-9_-]{20}|secret\s*[=:]", re.IGNORECASE
)
RANDOM = re.compile(r"(?<![A-Za-z0-9+/=_.:-])[A-Za-z0-9+/]{40,}={0,2}(?![A-Za-z0-9+/=_.:-])")


def test_templates_hold_no_secret(stacks: Assembly):
    for stack in stacks.values():
        for value in strings(stack):
            assert not SECRET.search(value), value[:80]


def test_environments_hold_no_secret(stacks: Assembly):
    for name, function in functions(stacks).items():
        for variable, value in function["Environment"]["Variables"].items():
            assert not re.search("PASSWORD|TOKEN$|DSN|PRIVATE", variable), (name, variable)
            if isinstance(value, str):
                assert not RANDOM.search(value), (name, variable)
