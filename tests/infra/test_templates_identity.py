"""The user pool in the templates."""

from __future__ import annotations

import pytest

from tests.infra.reading import Assembly, only, properties, resources

pytestmark = pytest.mark.infra


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
    assert [one["Name"] for one in recovery] == ["verified_email"]  # never SMS, which may be the factor


def test_every_trigger_is_asked_by_its_live_alias(stacks: Assembly):
    config = dict(only(stacks, "AWS::Cognito::UserPool")["LambdaConfig"])
    before_tokens = config.pop("PreTokenGenerationConfig")
    assert before_tokens["LambdaVersion"] == "V2_0"
    assert set(config) == {"PreSignUp", "PreAuthentication", "PostAuthentication", "CustomMessage", "PostConfirmation"}
    aliases = {before_tokens["LambdaArn"]["Ref"], *(arn["Ref"] for arn in config.values())}
    assert len(aliases) == 6
    assert {resources(stacks)[f"identity/{alias}"]["Properties"]["Name"] for alias in aliases} == {"live"}
    permissions = [p for p in properties(stacks, "AWS::Lambda::Permission") if p["Principal"].startswith("cognito-idp")]
    assert {p["FunctionName"]["Ref"] for p in permissions} == aliases
    assert all("SourceArn" in p and "SourceAccount" in p for p in permissions)


def test_codes_of_a_forgotten_password_come_from_the_deployments_own_address(production: Assembly):
    sender = only(production, "AWS::Cognito::UserPool")["EmailConfiguration"]
    assert sender["EmailSendingAccount"] == "DEVELOPER"
    assert sender["SourceArn"].endswith(":identity/clinic.example")


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
