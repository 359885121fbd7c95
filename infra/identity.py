"""The user pool: who may sign in is decided by administrators, and nobody does with a password alone."""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from functions.table import TABLE
from infra import waf
from infra.acknowledge import acknowledge, wildcards
from infra.audit_log import AuditLog
from infra.code import Sources
from infra.dead_letters import dead_letters
from infra.function import Given, TableFunction
from infra.function import Place as Around
from infra.grants import Resources
from infra.keys import Keys
from infra.place import Place
from infra.recording import joined, recording
from infra.roles import managed_policy
from infra.settings import Deployment
from infra.state import State

RESOURCE_SERVER, SCOPE = "phivault", "api"
ATTRIBUTES: Final = {"tenant_id": False, "role": True, "patient_id": True}
"""Custom attributes, and whether administrators may change them: nobody moves between tenants. Clients write none."""
CLIENT_MAY_WRITE: Final = ("locale",)
"""An empty list would mean every standard attribute. No token carries the scope to write even this one."""
SESSION_MINUTES: Final = 3
REQUESTS_PER_ADDRESS: Final = 5000


class Identity(Place):
    """The pool, its client, and the triggers that it asks: before a password, after it, before it signs tokens."""

    def __init__(
        self, scope: Construct, settings: Deployment, keys: Keys, log: AuditLog, state: State, sources: Sources
    ) -> None:
        super().__init__(scope, "identity", settings, stateful=True)
        self._data_key = keys.data
        around = Around(
            settings=settings,
            sources=sources,
            layers=sources.layers(self, settings.architecture),
            key_arn=keys.data.key_arn,
            dead_letters=dead_letters(self, keys.data),
        )
        self.pool = self._pool()
        given = self._given(keys, log, state)
        self.triggers = {
            row.trigger.removeprefix("cognito:"): TableFunction(self, row, around, given)
            for row in TABLE
            if row.trigger.startswith("cognito:")
        }
        self._bind()
        self.client = self._client()
        if settings.user_pool_tier == "PLUS":
            self._judge_risk()
        else:
            self._accept_lesser_tier()
        self._protect()

    def _given(self, keys: Keys, log: AuditLog, state: State) -> Given:
        """The pool isn't among the values: it names its triggers, and can't be named by them."""
        values = {
            "access_state_table": state.access_state.ref,
            "subject_key_arn": keys.wrapping,
            "former_subject_key_arns": self.to_json_string(list(keys.formerly_wrapping)),
            "subject_keys_table": state.subject_keys.ref,
            "subject_key_cache_seconds": "300",
            "email_sender": self.settings.email_sender,
        }
        arns = {
            "user_pool_id": self.pool.attr_arn,
            "access_state_table": state.access_state.attr_arn,
            "subject_key_arn": keys.wrapping,
            "subject_keys_table": state.subject_keys.attr_arn,
            "email_identity_arn": self.settings.email_identity,
        }
        own = Resources(arns, former={"subject_key_arn": keys.formerly_wrapping})
        return joined(recording(self.settings, log), Given(values, own))

    @property
    def issuer(self) -> str:
        return f"https://cognito-idp.{self.region}.amazonaws.com/{self.pool.ref}"

    def _pool(self) -> cognito.CfnUserPool:
        plus = self.settings.user_pool_tier == "PLUS"
        external = f"{self.settings.prefix}-sms"
        pool = cognito.CfnUserPool(
            self,
            "Pool",
            user_pool_name=self.settings.prefix,
            user_pool_tier=self.settings.user_pool_tier,
            user_pool_add_ons={"advancedSecurityMode": "ENFORCED"} if plus else None,
            deletion_protection="ACTIVE" if self.settings.deletion_protection else "INACTIVE",
            username_attributes=["email"],
            username_configuration={"caseSensitive": False},
            auto_verified_attributes=["email"],
            user_attribute_update_settings={"attributesRequireVerificationBeforeUpdate": ["email"]},
            admin_create_user_config={"allowAdminCreateUserOnly": True},
            # Never by SMS, which may be the second factor too.
            account_recovery_setting={"recoveryMechanisms": [{"name": "verified_email", "priority": 1}]},
            email_configuration=self._sender(),
            mfa_configuration="ON",
            enabled_mfas=["SMS_MFA", "SOFTWARE_TOKEN_MFA"],
            sms_configuration={
                "externalId": external,
                "snsCallerArn": self._sms_role(external),
                "snsRegion": self.region,
            },
            policies={
                "passwordPolicy": {
                    "minimumLength": 12,
                    "requireLowercase": True,
                    "requireUppercase": True,
                    "requireNumbers": True,
                    "requireSymbols": True,
                    "passwordHistorySize": 12,
                    "temporaryPasswordValidityDays": 1,
                }
            },
            schema=[_attribute(name, mutable=mutable) for name, mutable in ATTRIBUTES.items()],
        )
        pool.apply_removal_policy(RemovalPolicy.RETAIN)
        return pool

    def _sender(self) -> dict[str, str] | None:
        """Who Cognito's own messages come from: the codes of a forgotten password."""
        if not self.settings.email_sender:
            return None
        return {
            "emailSendingAccount": "DEVELOPER",
            "from": self.settings.email_sender,
            "sourceArn": self.settings.email_identity_arn,
        }

    def _sms_role(self, external: str) -> str:
        role = iam.Role(
            self,
            "SmsRole",
            assumed_by=iam.ServicePrincipal(
                "cognito-idp.amazonaws.com",
                conditions={"StringEquals": {"sts:ExternalId": external, "aws:SourceAccount": self.account}},
            ),
        )
        policy = managed_policy(self, "SmsPolicy", role, [{"Action": ["sns:Publish"], "Resource": "*"}])
        wildcards(policy, "A telephone number is no resource that a policy could name", "*")
        return role.role_arn

    def _bind(self) -> None:
        arns = {name: made.alias.function_arn for name, made in self.triggers.items()}
        self.pool.lambda_config = cognito.CfnUserPool.LambdaConfigProperty(
            pre_sign_up=arns["pre-sign-up"],
            pre_authentication=arns["pre-authentication"],
            post_authentication=arns["post-authentication"],
            custom_message=arns["custom-message"],
            post_confirmation=arns["post-confirmation"],
            pre_token_generation_config=cognito.CfnUserPool.PreTokenGenerationConfigProperty(
                lambda_arn=arns["pre-token-generation-v2"], lambda_version="V2_0"
            ),
        )
        for trigger in self.triggers.values():
            trigger.alias.add_permission(
                "Cognito",
                principal=iam.ServicePrincipal("cognito-idp.amazonaws.com"),
                source_arn=self.pool.attr_arn,
                source_account=self.account,
            )

    def _client(self) -> cognito.CfnUserPoolClient:
        server = cognito.CfnUserPoolResourceServer(
            self,
            "Api",
            user_pool_id=self.pool.ref,
            identifier=RESOURCE_SERVER,
            name=RESOURCE_SERVER,
            scopes=[{"scopeName": SCOPE, "scopeDescription": "Call the API, as far as the policies allow"}],
        )
        minutes = self.settings.access_token_minutes
        client = cognito.CfnUserPoolClient(
            self,
            "Client",
            user_pool_id=self.pool.ref,
            client_name=self.settings.prefix,
            generate_secret=False,
            explicit_auth_flows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"],
            supported_identity_providers=["COGNITO"],
            access_token_validity=minutes,
            id_token_validity=minutes,
            refresh_token_validity=self.settings.refresh_token_hours,
            token_validity_units={"accessToken": "minutes", "idToken": "minutes", "refreshToken": "hours"},
            refresh_token_rotation={"feature": "ENABLED", "retryGracePeriodSeconds": 0},
            auth_session_validity=SESSION_MINUTES,
            enable_token_revocation=True,
            prevent_user_existence_errors="ENABLED",
            read_attributes=["email", "email_verified", "phone_number_verified", *(f"custom:{a}" for a in ATTRIBUTES)],
            write_attributes=list(CLIENT_MAY_WRITE),
        )
        client.add_resource_dependency(server)
        client.apply_removal_policy(RemovalPolicy.RETAIN)
        return client

    def _judge_risk(self) -> None:
        block = {"eventAction": "BLOCK", "notify": False}
        challenge = {"eventAction": "MFA_REQUIRED", "notify": False}
        cognito.CfnUserPoolRiskConfigurationAttachment(
            self,
            "Risk",
            user_pool_id=self.pool.ref,
            client_id="ALL",
            account_takeover_risk_configuration={
                "actions": {"highAction": block, "mediumAction": challenge, "lowAction": challenge}
            },
            compromised_credentials_risk_configuration={"actions": {"eventAction": "BLOCK"}},
        )

    def _accept_lesser_tier(self) -> None:
        acknowledge(
            self.pool,
            "Threat protection is PLUS's alone, which production must have and development needn't pay for",
            "AwsSolutions-COG8",
        )

    def _protect(self) -> None:
        """What the pool answers without our function in front: the operations that need no credentials of AWS."""
        rules = [
            waf.managed("AWSManagedRulesAmazonIpReputationList"),
            waf.managed("AWSManagedRulesKnownBadInputsRuleSet"),
            waf.rate("requests", REQUESTS_PER_ADDRESS),
        ]
        acl = waf.web_acl(self, "UserPool", self.settings, self._data_key.key_arn, rules)
        wafv2.CfnWebACLAssociation(
            self, "UserPoolAssociation", resource_arn=self.pool.attr_arn, web_acl_arn=acl.attr_arn
        )


def _attribute(name: str, *, mutable: bool) -> dict[str, Any]:
    return {
        "name": name,
        "attributeDataType": "String",
        "mutable": mutable,
        "required": False,
        "stringAttributeConstraints": {"minLength": "1", "maxLength": "128"},
    }
