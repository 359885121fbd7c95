"""The audit log, its evidence and its witness in the templates."""

from __future__ import annotations

import pytest

from functions.table import TABLE
from infra.settings import HIPAA_RETENTION_DAYS
from tests.infra.reading import Assembly, functions, listed, only, properties, resources, text

pytestmark = pytest.mark.infra


@pytest.mark.parametrize(
    ("profile", "mode", "days", "exports"),
    [("production", "COMPLIANCE", HIPAA_RETENTION_DAYS, 365), ("dev", "GOVERNANCE", 30, 7)],
)
def test_what_proves_something_is_locked(
    assemblies: dict[str, Assembly], profile: str, mode: str, days: int, exports: int
):
    stacks = assemblies[profile]
    locked = {
        name: one["Properties"]["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
        for name, one in resources(stacks, "AWS::S3::Bucket").items()
        if one["Properties"].get("ObjectLockEnabled")
    }
    assert locked == {
        "audit/Audit": {"Mode": mode, "Days": days},
        "evidence/Trail": {"Mode": mode, "Days": days},
        "evidence/Exports": {"Mode": mode, "Days": exports},
        "witness/Checkpoints": {"Mode": mode, "Days": days},
    }
    environments = [f["Environment"]["Variables"] for f in functions(stacks).values()]
    writers = [one for one in environments if "PHIVAULT_AUDIT_LOCK_MODE" in one]
    assert writers
    assert {(one["PHIVAULT_AUDIT_LOCK_MODE"], one["PHIVAULT_AUDIT_RETENTION_DAYS"]) for one in writers} == {
        (mode, str(days))
    }


def test_no_bucket_is_public_or_unversioned_or_plaintext(stacks: Assembly):
    refused = [
        (text(policy["Bucket"]), statement["Sid"])
        for policy in properties(stacks, "AWS::S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    ]
    for name, resource in resources(stacks, "AWS::S3::Bucket").items():
        bucket = resource["Properties"]
        assert bucket["VersioningConfiguration"]["Status"] == "Enabled"
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        sids = {sid for reference, sid in refused if f'"{name.split("/")[1]}"' in reference}
        assert {"NoPlaintext", "NoOldTls"} <= sids


@pytest.mark.parametrize(("stack", "policy"), [("audit", "AuditPolicy"), ("evidence", "ExportsPolicy")])
def test_buckets_of_evidence_have_the_librarys_policy(stacks: Assembly, stack: str, policy: str):
    document = stacks[stack]["Resources"][policy]["Properties"]["PolicyDocument"]
    assert {"NoDeletes", "NoBypass", "NoOverwrites", "NoPlaintext", "NoOldTls"} == {
        statement["Sid"] for statement in document["Statement"]
    }


def test_the_log_and_its_witness_sign_with_ed25519(stacks: Assembly):
    signing = [key for key in properties(stacks, "AWS::KMS::Key") if key.get("KeyUsage") == "SIGN_VERIFY"]
    assert [key["KeySpec"] for key in signing] == ["ECC_NIST_EDWARDS25519"] * 2


def test_the_witness_stands_in_its_own_account(production: Assembly):
    variables = functions(production)["witness"]["Environment"]["Variables"]
    assert variables["PHIVAULT_LOG_KEY_ARN"] == "arn:aws:kms:us-east-1:111122223333:alias/phivault-production/log"
    log_key = production["keys"]["Resources"]["Log"]["Properties"]["KeyPolicy"]["Statement"]
    (foreign,) = [one for one in log_key if "444455556666" in text(one["Principal"])]
    assert foreign["Action"] == "kms:GetPublicKey"
    permission = only({"witness": production["witness"]}, "AWS::Lambda::Permission")
    assert "111122223333" in text(permission["Principal"])
    sealer = functions(production)["sealer"]["Environment"]["Variables"]
    assert sealer["PHIVAULT_WITNESS_FUNCTION"] == (
        "arn:aws:lambda:us-east-1:444455556666:function:phivault-production-witness:live"
    )


def test_functions_are_found_under_the_names_that_others_call(stacks: Assembly):
    for name, function in functions(stacks).items():
        assert function["FunctionName"].endswith("-" + name.replace("_", "-"))


def test_schedules_are_the_tables(stacks: Assembly):
    wanted = {"60": "rate(1 minute)", "3600": "rate(1 hour)"}
    rows = [row.trigger.partition(":")[2] for row in TABLE if row.trigger.startswith("schedule:")]
    rules = properties(stacks, "AWS::Events::Rule")
    assert sorted(one["ScheduleExpression"] for one in rules) == sorted(wanted[seconds] for seconds in rows)
    assert all(len(one["Targets"]) == 1 for one in rules)


def test_aws_records_every_use_of_keys(stacks: Assembly):
    trail = only(stacks, "AWS::CloudTrail::Trail")
    assert trail["IsLogging"] is True
    assert trail["IsMultiRegionTrail"] is True
    assert trail["EnableLogFileValidation"] is True
    recorded = {one["Name"]: one["FieldSelectors"] for one in trail["AdvancedEventSelectors"]}
    assert recorded["Management"] == [{"Field": "eventCategory", "Equals": ["Management"]}], "all, KMS included"
    assert "exporter" in text(recorded["Invocations"])
    assert "Exports" in text(recorded["Exports"])


def test_the_auditor_reads_and_nothing_else(stacks: Assembly):
    (policy,) = [
        one["Properties"] for name, one in resources(stacks, "AWS::IAM::ManagedPolicy").items() if "evidence/" in name
    ]
    allowed = [
        (action, on)
        for one in policy["PolicyDocument"]["Statement"]
        if one["Effect"] == "Allow"
        for action in listed(one["Action"])
        for on in listed(one["Resource"])
    ]
    (denied,) = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
    assert "/personal/*" in text(denied["Resource"])
    results = [on for action, on in allowed if action == "s3:PutObject"]
    assert all("QueryResults" in text(on) for on in results)
    verbs = {action.split(":")[1] for action, _ in allowed} - {"PutObject", "StartQueryExecution", "StopQueryExecution"}
    assert all(verb.startswith(("Get", "List")) for verb in verbs)
    (role,) = [one["Properties"] for name, one in resources(stacks, "AWS::IAM::Role").items() if "evidence/" in name]
    condition = role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]
    assert condition == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def test_the_athena_table_has_the_lines_members(stacks: Assembly):
    from phivault.audit.projections.columns import LINE

    table = only(stacks, "AWS::Glue::Table")["TableInput"]
    columns = {one["Name"]: one["Type"] for one in table["StorageDescriptor"]["Columns"]}
    assert columns == {name: hive for name, (_, hive) in LINE.items()}
    assert "${export}/segments/" in text(table["Parameters"]["storage.location.template"])
