"""The API in the templates: TLS, routes, tokens, throttles, logs."""

from __future__ import annotations

import json
import re

import pytest

from functions.table import TABLE
from infra.request_models import MODELS
from infra.settings import read
from infra.synth import context
from phivault.records.binary import RAW_TYPES
from tests.infra.reading import Assembly, functions, only, properties, resources, text

pytestmark = pytest.mark.infra
TLS13 = "SecurityPolicy_TLS13_1_3_2025_09"
PERMISSION = "AWS::Lambda::Permission"
MOST = 450
"""Resources of a stack; CloudFormation takes 500."""


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


def test_each_route_calls_its_own_functions_alias(assemblies: dict[str, Assembly]):
    for profile, stacks in assemblies.items():
        settings = read(context(profile))
        made = {one["FunctionName"]: one["Handler"] for one in functions(stacks).values()}
        aliased = {one["FunctionName"]["Ref"] for one in properties(stacks, "AWS::Lambda::Alias")}
        assert {one["Name"] for one in properties(stacks, "AWS::Lambda::Alias")} == {"live"}
        assert len(aliased) == len(made)
        called = {name.split("/")[1]: one["Properties"] for name, one in resources(stacks, PERMISSION).items()}
        found = methods(stacks)
        for row in TABLE:
            for route in row.routes:
                uri = text(found[route.method, route.path]["Integration"]["Uri"])
                arn = settings.function_arn(row.name)
                assert f"/functions/{arn}/invocations" in uri
                assert made[arn.split(":")[6]] == f"functions.{row.name}.handler.handler"
                allowed = [text(one["SourceArn"]) for one in called.values() if one["FunctionName"] == arn]
                assert any(_may_call(source, route.method, route.path) for source in allowed)


def _may_call(source: str, method: str, path: str) -> bool:
    return f"/{method}{re.sub(r'{[a-z]+}', '*', path)}" in source


def test_the_gateway_calls_functions_by_its_own_routes_alone(stacks: Assembly):
    """Each permission names our API's stage and one method."""
    by_gateway = [one for one in properties(stacks, PERMISSION) if one["Principal"] == "apigateway.amazonaws.com"]
    assert len(by_gateway) == sum(len(row.routes) for row in TABLE)
    for one in by_gateway:
        assert re.search(r"/(GET|POST|PUT|PATCH|DELETE)/[a-z]", text(one["SourceArn"]))
        assert '"Ref": "ApiRest' in text(one["SourceArn"])


def test_no_stack_is_near_what_cloudformation_takes(stacks: Assembly):
    assert {name: len(one["Resources"]) for name, one in stacks.items() if len(one["Resources"]) > MOST} == {}


def test_bodies_with_a_model_are_validated_at_the_gateway(stacks: Assembly):
    found = methods(stacks)
    modelled = {key: method["RequestModels"] for key, method in found.items() if method.get("RequestModels")}
    assert set(modelled) == set(MODELS)
    assert all("RequestValidatorId" in found[key] for key in modelled)
    named = {name.split("/")[1]: one["Properties"] for name, one in resources(stacks, "AWS::ApiGateway::Model").items()}
    for key, models in modelled.items():
        assert named[models["application/json"]["Ref"]]["Schema"]["title"] == MODELS[key].__name__
    (validator,) = properties(stacks, "AWS::ApiGateway::RequestValidator")
    assert validator["ValidateRequestBody"] is True
    assert all(model["Schema"]["additionalProperties"] is False for model in named.values())


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
    settings = only(stacks, "AWS::ApiGateway::Stage")["MethodSettings"]
    limits = {one["ResourcePath"].replace("~1", "/").removeprefix("/"): one for one in settings}
    assert limits.pop("*")["ThrottlingRateLimit"] == 100
    ways_in = {route.path for row in TABLE for route in row.routes if route.public and "/auth/" in route.path}
    assert len(ways_in) == 10
    assert set(limits) == ways_in
    assert all(one["ThrottlingRateLimit"] < 100 for one in limits.values())
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


def test_what_the_firewall_only_counts_is_stopped_behind(stacks: Assembly):
    """Bodies hold narrative, bundles, files and forms, and links of FHIR lists are long: nothing else is let by."""
    (rules,) = [one["Rules"] for one in properties(stacks, "AWS::WAFv2::WebACL") if len(one["Rules"]) > 3]
    counted = {}
    for rule in rules:
        group = rule["Statement"].get("ManagedRuleGroupStatement", {})
        overridden = group.get("RuleActionOverrides", [])
        assert all(one["ActionToUse"] == {"Count": {}} for one in overridden)
        counted |= {one["Name"]: group["Name"] for one in overridden}
        assert rule.get("OverrideAction", {"None": {}}) == {"None": {}}
    assert set(counted.values()) == {"AWSManagedRulesCommonRuleSet"}
    assert all(name.endswith("_BODY") or name == "SizeRestrictions_QUERYSTRING" for name in counted)
    assert [rule["Priority"] for rule in rules] == list(range(len(rules)))
    names = [rule["Name"] for rule in rules]
    after = rules[names.index("AWSManagedRulesCommonRuleSet") + 1]
    assert after["Action"] == {"Block": {}}
    label, elsewhere = after["Statement"]["AndStatement"]["Statements"]
    key = "awswaf:managed:aws:core-rule-set:SizeRestrictions_QueryString"
    assert label == {"LabelMatchStatement": {"Key": key, "Scope": "LABEL"}}
    path = elsewhere["NotStatement"]["Statement"]["ByteMatchStatement"]
    assert (path["FieldToMatch"], path["SearchString"]) == ({"UriPath": {}}, "/v1/fhir/")


def test_firewall_logs_leave_out_paths_queries_and_tokens(stacks: Assembly):
    for logging in properties(stacks, "AWS::WAFv2::LoggingConfiguration"):
        left_out = text(logging["RedactedFields"]).lower()
        assert all(field in left_out for field in ("uripath", "querystring", "authorization", "cookie"))


def test_the_gateway_carries_what_a_binary_may_hold_as_bytes(dev: Assembly):
    kinds = only(dev, "AWS::ApiGateway::RestApi")["BinaryMediaTypes"]
    assert kinds == list(RAW_TYPES)
    # Bodies of these would come as base64, past the models that check them.
    assert not {"*/*", "application/json", "application/fhir+json"} & set(kinds)
