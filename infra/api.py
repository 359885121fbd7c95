"""The REST API: regional, TLS 1.3 alone, every route of the function table and none besides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from functions.row import Function, Route
from functions.table import TABLE
from infra import waf
from infra.access_log import ACCESS_LOG
from infra.acknowledge import acknowledge, managed_policies
from infra.gateway_responses import gateway_responses
from infra.identity import RESOURCE_SERVER, SCOPE
from infra.logs import log_group, named
from infra.request_models import MODELS, schema
from infra.settings import Deployment
from phivault.records.binary import RAW_TYPES
from phivault.web import CONTEXT_HEADER, EXPOSED, PROJECT_HEADER, PURPOSE_HEADER

STAGE: Final = "prod"
TLS: Final = "SecurityPolicy_TLS13_1_3_2025_09"
REQUIRED_SCOPE: Final = f"{RESOURCE_SERVER}/{SCOPE}"
PREFLIGHT_MINUTES: Final = 10
ALLOWED_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    PURPOSE_HEADER,
    PROJECT_HEADER,
    "If-Match",
    "If-None-Exist",
    "Idempotency-Key",
    "Prefer",
    CONTEXT_HEADER,
)
AUTH: Final = "/v1/auth/"
SIGN_IN_RATE, SIGN_IN_BURST = 20, 40
"""Requests a second to each way in that needs no token, all clients together."""


class Api(Construct):
    """``aliases`` are the functions by name."""

    def __init__(
        self,
        scope: Construct,
        settings: Deployment,
        key_arn: str,
        pool: cognito.IUserPool,
        aliases: Mapping[str, lambda_.IFunction],
    ) -> None:
        super().__init__(scope, "Api")
        self._settings, self._aliases = settings, aliases
        self._models: dict[str, apigateway.IModel] = {}
        self.api = self._rest_api(key_arn)
        self._authorizer = apigateway.CognitoUserPoolsAuthorizer(self, "Tokens", cognito_user_pools=[pool])
        self._validator = self.api.add_request_validator("Bodies", validate_request_body=True)
        for row in TABLE:
            for route in row.routes:
                self._method(row, route)
        gateway_responses(self, self.api, settings.cors_origins)
        self._usage_plan()
        self._protect(key_arn)
        if settings.domain_name:
            self._domain()

    def _rest_api(self, key_arn: str) -> apigateway.RestApi:
        settings = self._settings
        account = self._account()
        group = log_group(self, "AccessLog", f"/{settings.prefix}/api", settings, key_arn)
        api = apigateway.RestApi(
            self,
            "Rest",
            rest_api_name=settings.prefix,
            description=f"phivault {settings.profile}",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            binary_media_types=list(RAW_TYPES),
            disable_execute_api_endpoint=bool(settings.domain_name),
            cloud_watch_role=False,
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                tracing_enabled=True,
                metrics_enabled=True,
                data_trace_enabled=False,
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                throttling_rate_limit=settings.throttle_rate,
                throttling_burst_limit=settings.throttle_burst,
                access_log_destination=apigateway.LogGroupLogDestination(named(self, "NamedAccessLog", group)),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
                method_options={
                    f"{route.path}/{route.method}": apigateway.MethodDeploymentOptions(
                        throttling_rate_limit=SIGN_IN_RATE,
                        throttling_burst_limit=SIGN_IN_BURST,
                        metrics_enabled=True,
                        data_trace_enabled=False,
                        logging_level=apigateway.MethodLoggingLevel.ERROR,
                    )
                    for row in TABLE
                    for route in row.routes
                    if route.public and route.path.startswith(AUTH)
                },
            ),
            default_cors_preflight_options=self._preflight(),
        )
        resource = api.node.default_child
        assert isinstance(resource, apigateway.CfnRestApi)
        resource.security_policy = TLS
        resource.endpoint_access_mode = "STRICT"
        api.deployment_stage.node.add_dependency(account)
        self._execution_log(api, key_arn)
        self._acknowledge(api)
        return api

    def _account(self) -> apigateway.CfnAccount:
        """API Gateway writes logs with one role for the whole account and region."""
        managed = iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
        role = iam.Role(
            self, "LogRole", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"), managed_policies=[managed]
        )
        managed_policies(
            role,
            "API Gateway asks for this very policy before it takes the role",
            "AmazonAPIGatewayPushToCloudWatchLogs",
        )
        return apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)

    def _execution_log(self, api: apigateway.RestApi, key_arn: str) -> None:
        # API Gateway would make it without a key and keep it for ever.
        name = f"API-Gateway-Execution-Logs_{api.rest_api_id}/{STAGE}"
        group = log_group(self, "ExecutionLog", name, self._settings, key_arn)
        api.deployment_stage.node.add_dependency(group)

    def _preflight(self) -> apigateway.CorsOptions | None:
        origins = list(self._settings.cors_origins)
        if not origins:
            return None
        return apigateway.CorsOptions(
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=list(ALLOWED_HEADERS),
            expose_headers=list(EXPOSED),
            max_age=Duration.minutes(PREFLIGHT_MINUTES),
        )

    def _method(self, row: Function, route: Route) -> None:
        alias = self._aliases[row.name]
        options: dict[str, Any] = {}
        if route.public:
            options["authorization_type"] = apigateway.AuthorizationType.NONE
        else:
            options |= {"authorizer": self._authorizer, "authorization_scopes": [REQUIRED_SCOPE]}
        model = MODELS.get((route.method, route.path))
        if model:
            options["request_models"] = {"application/json": self._model(model.__name__, schema(model))}
            options["request_validator"] = self._validator
        method = self.api.root.resource_for_path(route.path).add_method(
            route.method, apigateway.LambdaIntegration(alias, proxy=True, allow_test_invoke=False), **options
        )
        if route.public:
            acknowledge(
                method,
                f"Public by the function table: {row.purpose}",
                "AwsSolutions-APIG4",
                "AwsSolutions-COG4",
            )

    def _model(self, name: str, document: dict[str, Any]) -> apigateway.IModel:
        """Routes that take the same body share its model."""
        if name not in self._models:
            made = apigateway.CfnModel(
                self,
                f"Model{name}",
                rest_api_id=self.api.rest_api_id,
                name=name,
                content_type="application/json",
                schema=document,
            )
            self._models[name] = apigateway.Model.from_model_name(self, f"Named{name}", made.ref)
        return self._models[name]

    def _usage_plan(self) -> None:
        plan = self.api.add_usage_plan(
            "Plan",
            name=self._settings.prefix,
            throttle=apigateway.ThrottleSettings(
                rate_limit=self._settings.throttle_rate, burst_limit=self._settings.throttle_burst
            ),
        )
        plan.add_api_stage(stage=self.api.deployment_stage)

    def _protect(self, key_arn: str) -> None:
        rules = [
            waf.managed("AWSManagedRulesAmazonIpReputationList"),
            waf.managed("AWSManagedRulesCommonRuleSet", *waf.COUNTED),
            waf.no_long_query(beyond=waf.FHIR),
            waf.managed("AWSManagedRulesKnownBadInputsRuleSet"),
            waf.rate("sign-ins", waf.SIGN_INS_PER_ADDRESS, AUTH),
            waf.rate("requests", waf.REQUESTS_PER_ADDRESS),
        ]
        acl = waf.web_acl(self, "Api", self._settings, key_arn, rules)
        wafv2.CfnWebACLAssociation(
            self, "Association", resource_arn=self.api.deployment_stage.stage_arn, web_acl_arn=acl.attr_arn
        )

    def _domain(self) -> None:
        domain = apigateway.CfnDomainName(
            self,
            "Domain",
            domain_name=self._settings.domain_name,
            regional_certificate_arn=self._settings.certificate_arn,
            endpoint_configuration={"types": ["REGIONAL"]},
            security_policy=TLS,
            endpoint_access_mode="STRICT",
        )
        apigateway.CfnBasePathMapping(
            self,
            "Mapping",
            domain_name=domain.ref,
            rest_api_id=self.api.rest_api_id,
            stage=self.api.deployment_stage.stage_name,
        )

    def _acknowledge(self, api: apigateway.RestApi) -> None:
        stage = api.deployment_stage
        acknowledge(
            stage,
            "A cache would hold PHI outside the audit log's sight: what it releases nobody records",
            "HIPAA.Security-APIGWCacheEnabledAndEncrypted",
            "NIST.800.53.R5-APIGWCacheEnabledAndEncrypted",
        )
        acknowledge(
            stage,
            "The back ends are functions, invoked by IAM: none could check a client certificate",
            "HIPAA.Security-APIGWSSLEnabled",
            "NIST.800.53.R5-APIGWSSLEnabled",
        )
        acknowledge(
            api,
            "Bodies that have a model are validated; FHIR's rules are the handler's, parameters are refused there",
            "AwsSolutions-APIG2",
        )
