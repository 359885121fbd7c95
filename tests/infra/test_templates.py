"""What linters don't see in the templates: the settings that the product's promises rest on."""

from __future__ import annotations

import json
import re

import pytest

from functions.table import TABLE
from infra.grants import LOCAL_ONLY, PLATFORM
from infra.settings import DATABASE_BACKUP_DAYS, HIPAA_RETENTION_DAYS
from tests.infra.reading import Assembly, functions, listed, only, properties, resources, strings, text

pytestmark = pytest.mark.infra
TLS13 = "SecurityPolicy_TLS13_1_3_2025_09"


# API


def test_api_speaks_tls13_alone(stacks: Assembly, production: Assembly):
    api = only(stacks, "AWS::ApiGateway::RestApi")
    assert (api["SecurityPolicy"], api["EndpointAccessMode"]) == (TLS13, "STRICT")
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    domain = only(production, "AWS::ApiGateway::DomainName")
    assert (domain["SecurityPolicy"], domain["EndpointAccessMode"]) == (TLS13, "STRICT")


def test_execute_api_is_closed_where_a_domain_is_open(production: Assembly, dev: Assembly):
    assert only(production, "AWS::ApiGateway::RestApi")["DisableExecuteApiEndpoint"] is True
    assert not only(dev, "AWS::ApiGateway::RestApi").get("DisableExecuteApiEndpoint")


def methods(stacks: Assembly) -> dict[tuple[str, str], dict]:
    """Methods by verb and path, as API Gateway will route them."""
    parts = resources(stacks, "AWS::ApiGateway::Resource")
    stack = next(iter(parts)).split("/")[0]

    def path(reference: dict) -> str:
        if "Fn::GetAtt" in reference:
            return ""
        inner = parts[f"{stack}/{reference['Ref']}"]["Properties"]
        return f"{path(inner['ParentId'])}/{inner['PathPart']}"

    return {
        (found["HttpMethod"], path(found["ResourceId"])): found
        for found in properties(stacks, "AWS::ApiGateway::Method")
    }


def test_methods_are_the_tables_routes(stacks: Assembly):
    ours = {key for key in methods(stacks) if key[0] != "OPTIONS"}
    assert ours == {(route.method, route.path) for row in TABLE for route in row.routes}


def test_every_route_that_is_not_public_requires_the_scope(stacks: Assembly):
    found = methods(stacks)
    for row in TABLE:
        for route in row.routes:
            method = found[route.method, route.path]
            if route.public:
                assert method["AuthorizationType"] == "NONE"
            else:
                assert method["AuthorizationType"] == "COGNITO_USER_POOLS"
                assert method["AuthorizationScopes"] == ["phivault/api"]
                assert "AuthorizerId" in method


def test_each_route_calls_its_own_functions_alias(stacks: Assembly):
    aliases = resources(stacks, "AWS::Lambda::Alias")
    assert {alias["Properties"]["Name"] for alias in aliases.values()} == {"live"}
    found = methods(stacks)
    for row in TABLE:
        for route in row.routes:
            uri = text(found[route.method, route.path]["Integration"]["Uri"])
            (called,) = (name for name in aliases if f'"{name.split("/")[1]}"' in uri)
            version = aliases[called]["Properties"]["FunctionVersion"]["Fn::GetAtt"][0]
            assert version.lower().startswith(row.name.replace("_", ""))


def test_bodies_with_a_model_are_validated_at_the_gateway(stacks: Assembly):
    found = methods(stacks)
    modelled = {key for key, method in found.items() if method.get("RequestModels")}
    assert modelled == {("POST", f"/v1/auth/{name}") for name in ("sign-in", "challenge", "mfa/totp", "refresh")}
    assert all("RequestValidatorId" in found[key] for key in modelled)
    (validator,) = properties(stacks, "AWS::ApiGateway::RequestValidator")
    assert validator["ValidateRequestBody"] is True
    for model in properties(stacks, "AWS::ApiGateway::Model"):
        assert model["Schema"]["additionalProperties"] is False


def test_preflight_names_the_allowed_origins(production: Assembly, dev: Assembly):
    preflights = [method for (verb, _), method in methods(production).items() if verb == "OPTIONS"]
    assert preflights
    for method in preflights:
        said = json.dumps(method["Integration"])
        assert "https://app.clinic.example" in said
        assert "https://portal.clinic.example" in said
        assert "'*'" not in said
    assert not [verb for verb, _ in methods(dev) if verb == "OPTIONS"]


def test_the_gateways_own_answers_are_problems_without_the_request(stacks: Assembly):
    answers = properties(stacks, "AWS::ApiGateway::GatewayResponse")
    assert {"UNAUTHORIZED", "ACCESS_DENIED", "THROTTLED", "BAD_REQUEST_BODY", "DEFAULT_5XX"} <= {
        answer["ResponseType"] for answer in answers
    }
    for answer in answers:
        assert answer["ResponseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        template = answer["ResponseTemplates"]["application/json"]
        problem = json.loads(template)
        assert str(problem["status"]) == answer["StatusCode"]
        assert set(re.findall(r"\$\S+?\.[\w.]+", template)) <= {"$context.requestId"}


def test_access_logs_hold_no_place_and_no_person(stacks: Assembly):
    stage = only(stacks, "AWS::ApiGateway::Stage")
    logged = json.loads(stage["AccessLogSetting"]["Format"])
    assert "$context.tlsVersion" in logged.values()
    assert "$context.requestId" in logged.values()
    for place in (
        "$context.path",
        "$context.identity",
        "authorizer",
        "querystring",
        "header",
        "$context.error.message",
    ):
        assert not [value for value in logged.values() if place in value]
    assert stage["TracingEnabled"] is True
    for setting in stage["MethodSettings"]:
        assert setting["DataTraceEnabled"] is False
        assert not setting.get("CachingEnabled")
        assert setting["LoggingLevel"] == "ERROR"


def test_requests_are_throttled_and_sign_ins_more(stacks: Assembly):
    limits = {setting["ResourcePath"]: setting for setting in only(stacks, "AWS::ApiGateway::Stage")["MethodSettings"]}
    assert limits["/*"]["ThrottlingRateLimit"] == 100
    assert limits["/~1v1~1auth~1sign-in"]["ThrottlingRateLimit"] < 100
    assert only(stacks, "AWS::ApiGateway::UsagePlan")["Throttle"] == {"BurstLimit": 200, "RateLimit": 100}


def test_firewalls_stand_before_api_and_pool(stacks: Assembly):
    targets = text([one["ResourceArn"] for one in properties(stacks, "AWS::WAFv2::WebACLAssociation")])
    assert "restapis" in targets
    assert "Pool" in targets
    for acl in properties(stacks, "AWS::WAFv2::WebACL"):
        kinds = [next(iter(rule["Statement"])) for rule in acl["Rules"]]
        assert "RateBasedStatement" in kinds
        assert "ManagedRuleGroupStatement" in kinds
        assert not [rule for rule in acl["Rules"] if rule["VisibilityConfig"]["SampledRequestsEnabled"]]


def test_firewall_logs_leave_out_paths_queries_and_tokens(stacks: Assembly):
    for logging in properties(stacks, "AWS::WAFv2::LoggingConfiguration"):
        left_out = text(logging["RedactedFields"]).lower()
        assert all(field in left_out for field in ("uripath", "querystring", "authorization", "cookie"))


# Identity


def test_nobody_signs_in_with_a_password_alone(stacks: Assembly):
    pool = only(stacks, "AWS::Cognito::UserPool")
    assert pool["MfaConfiguration"] == "ON"
    assert sorted(pool["EnabledMfas"]) == ["SMS_MFA", "SOFTWARE_TOKEN_MFA"]
    assert "SnsCallerArn" in pool["SmsConfiguration"]
    assert "DeviceConfiguration" not in pool  # a remembered device would skip the second factor
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    password = pool["Policies"]["PasswordPolicy"]
    assert password["MinimumLength"] >= 12
    assert all(password[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"))
    recovery = pool["AccountRecoverySetting"]["RecoveryMechanisms"]
    assert [one["Name"] for one in recovery] == ["admin_only"]


def test_the_trigger_is_asked_before_tokens_are_signed(stacks: Assembly):
    trigger = only(stacks, "AWS::Cognito::UserPool")["LambdaConfig"]["PreTokenGenerationConfig"]
    assert trigger["LambdaVersion"] == "V2_0"
    alias = trigger["LambdaArn"]["Ref"]
    assert resources(stacks)[f"identity/{alias}"]["Properties"]["Name"] == "live"
    permissions = [p for p in properties(stacks, "AWS::Lambda::Permission") if p["Principal"].startswith("cognito-idp")]
    assert [(p["FunctionName"]["Ref"], "SourceArn" in p) for p in permissions] == [(alias, True)]


def test_tokens_live_short_and_refresh_tokens_once(stacks: Assembly):
    client = only(stacks, "AWS::Cognito::UserPoolClient")
    assert client["TokenValidityUnits"] == {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "hours"}
    assert (client["AccessTokenValidity"], client["IdTokenValidity"]) == (15, 15)
    assert client["RefreshTokenValidity"] == 12
    assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}
    assert client["EnableTokenRevocation"] is True
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["AuthSessionValidity"] == 3


def test_the_client_has_no_secret_and_one_flow(stacks: Assembly):
    client = only(stacks, "AWS::Cognito::UserPoolClient")
    assert client["GenerateSecret"] is False
    assert client["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    assert "AllowedOAuthFlows" not in client


def test_clients_write_neither_tenant_nor_role(stacks: Assembly):
    client = only(stacks, "AWS::Cognito::UserPoolClient")
    assert client["WriteAttributes"] == ["locale"]
    schema = {one["Name"]: one for one in only(stacks, "AWS::Cognito::UserPool")["Schema"]}
    assert set(schema) == {"tenant_id", "role", "patient_id"}
    assert schema["tenant_id"]["Mutable"] is False


def test_production_judges_risk(production: Assembly):
    pool = only(production, "AWS::Cognito::UserPool")
    assert (pool["UserPoolTier"], pool["UserPoolAddOns"]["AdvancedSecurityMode"]) == ("PLUS", "ENFORCED")
    risk = only(production, "AWS::Cognito::UserPoolRiskConfigurationAttachment")
    assert risk["CompromisedCredentialsRiskConfiguration"]["Actions"]["EventAction"] == "BLOCK"


# Audit log


def locked_buckets(stacks: Assembly) -> list[dict]:
    return [found for found in properties(stacks, "AWS::S3::Bucket") if found.get("ObjectLockEnabled")]


@pytest.mark.parametrize(
    ("profile", "mode", "days"), [("production", "COMPLIANCE", HIPAA_RETENTION_DAYS), ("dev", "GOVERNANCE", 30)]
)
def test_audit_and_witness_are_locked(assemblies: dict[str, Assembly], profile: str, mode: str, days: int):
    locked = locked_buckets(assemblies[profile])
    assert len(locked) == 2
    for bucket in locked:
        assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Mode": mode, "Days": days}
    environments = [f["Environment"]["Variables"] for f in functions(assemblies[profile]).values()]
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


def test_the_audit_buckets_policy_is_the_librarys(stacks: Assembly):
    policy = stacks["audit"]["Resources"]["AuditPolicy"]["Properties"]["PolicyDocument"]
    assert {"NoDeletes", "NoBypass", "NoOverwrites", "NoPlaintext", "NoOldTls"} == {
        statement["Sid"] for statement in policy["Statement"]
    }


# Database


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


# Network


def test_there_is_no_way_out_but_endpoints(stacks: Assembly):
    kinds = {resource["Type"] for resource in resources(stacks).values()}
    assert not kinds & {"AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::EC2::Route", "AWS::EC2::EIP"}
    services = text([one["ServiceName"] for one in properties(stacks, "AWS::EC2::VPCEndpoint")])
    assert [name for name in ("kms", "secretsmanager", ".s3", "dynamodb") if name not in services] == []
    assert "Custom::VpcRestrictDefaultSG" in kinds
    assert "AWS::EC2::FlowLog" in kinds


def test_no_group_lets_anything_in_from_outside(stacks: Assembly):
    for group in properties(stacks, "AWS::EC2::SecurityGroup"):
        assert "SecurityGroupIngress" not in group
    for rule in properties(stacks, "AWS::EC2::SecurityGroupIngress"):
        assert "SourceSecurityGroupId" in rule
        assert "CidrIp" not in rule


def test_only_functions_that_reach_postgresql_are_inside(stacks: Assembly):
    inside = {name for name, function in functions(stacks).items() if "VpcConfig" in function}
    assert inside == {row.name for row in TABLE if row.postgres}


# Functions


def test_functions_are_the_tables_rows(stacks: Assembly):
    found = functions(stacks)
    assert set(found) == {row.name for row in TABLE}
    for row in TABLE:
        function = found[row.name]
        assert function["Handler"] == f"functions.{row.name}.handler.handler"
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        assert (function["Timeout"], function["MemorySize"]) == (row.timeout_seconds, row.memory_mb)
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert len(function["Layers"]) == 2
        assert "DeadLetterConfig" in function
        assert function["ReservedConcurrentExecutions"] > 0
        assert set(function["Environment"]["Variables"]) == {
            f"PHIVAULT_{name.upper()}" for name in row.settings if name not in LOCAL_ONLY
        }


def test_each_function_is_released_by_an_alias_with_an_alarm(stacks: Assembly):
    groups = properties(stacks, "AWS::CodeDeploy::DeploymentGroup")
    released = [row for row in TABLE if row.name not in ("migrate", "pre_token")]
    assert len(groups) == len(released)
    for group in groups:
        assert group["AutoRollbackConfiguration"]["Enabled"] is True
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        assert len(group["AlarmConfiguration"]["Alarms"]) == 1


def test_alerts_report_what_failed_of_a_batch(stacks: Assembly):
    mapping = only(stacks, "AWS::Lambda::EventSourceMapping")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "OnFailure" in mapping["DestinationConfig"]
    assert "FilterCriteria" not in mapping


def test_the_database_is_prepared_before_functions_change(stacks: Assembly):
    resource = only(stacks, "Custom::PhivaultDatabase")
    assert resource["ContextKeyIds"] == ["k1"]
    records = next(
        found
        for found in resources(stacks, "AWS::Lambda::Function").values()
        if found["Properties"]["Handler"] == "functions.records.handler.handler"
    )
    keys = records["Properties"]["Environment"]["Variables"]["PHIVAULT_TENANT_CONTEXT_KEYS"]
    assert keys["Fn::GetAtt"][1] == "ContextKeys"
    assert keys["Fn::GetAtt"][0] in records["DependsOn"]


# Roles


def statements_of(stacks: Assembly, function: str) -> list[dict]:
    """All statements of all policies on the function's role."""
    found = functions(stacks)[function]
    role = found["Role"]["Fn::GetAtt"][0]
    stack = next(
        name.split("/")[0]
        for name, one in resources(stacks, "AWS::Lambda::Function").items()
        if one["Properties"] is found
    )
    assert "Policies" not in stacks[stack]["Resources"][role]["Properties"]
    assert "ManagedPolicyArns" not in stacks[stack]["Resources"][role]["Properties"]
    inline = [p for p in properties(stacks, "AWS::IAM::Policy") if f'"{role}"' in text(p.get("Roles"))]
    assert not inline
    return [
        statement
        for policy in properties({stack: stacks[stack]}, "AWS::IAM::ManagedPolicy")
        if {"Ref": role} in policy.get("Roles", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_role_is_its_rows_grants_and_lambdas_own(stacks: Assembly, row):
    granted = {action for one in statements_of(stacks, row.name) for action in listed(one["Action"])}
    in_table = {action for grant in row.grants for action in grant.actions}
    assert granted - PLATFORM == in_table - PLATFORM
    assert not [action for action in granted if "*" in action]


WITHOUT_RESOURCES = {"xray:PutTraceSegments", "dynamodb:ListStreams", "ec2:CreateNetworkInterface"}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_role_reaches_named_resources(stacks: Assembly, row):
    for statement in statements_of(stacks, row.name):
        assert statement["Effect"] == "Allow"
        for resource in listed(statement["Resource"]):
            if resource == "*":
                assert WITHOUT_RESOURCES & set(listed(statement["Action"]))
            elif "*" in text(resource):
                assert set(listed(statement["Action"])) <= {
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "s3:GetObject",
                    "s3:PutObject",
                    "s3:PutObjectRetention",
                }


def test_only_preparing_the_database_may_read_its_password(stacks: Assembly):
    readers = {
        row.name
        for row in TABLE
        for one in statements_of(stacks, row.name)
        if "secretsmanager:GetSecretValue" in listed(one["Action"])
    }
    assert readers == {"migrate"}


def test_functions_sign_in_as_the_application_alone(stacks: Assembly):
    for row in TABLE:
        for one in statements_of(stacks, row.name):
            if "rds-db:connect" in listed(one["Action"]):
                role = "phivault_owner" if row.name == "migrate" else "phivault_app"
                assert re.search(r'[/"](phivault_\w+)"', text(one["Resource"])).group(1) == role


# Everything


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


def test_the_witness_stands_in_its_own_account(cdk: None, production: Assembly):
    assert {one["Type"] for one in production["witness"]["Resources"].values()} == {
        "AWS::KMS::Key",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
    }
    key = only({"witness": production["witness"]}, "AWS::KMS::Key")
    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
