"""Web ACLs: AWS's managed rules and rate limits, in front of the API and of the user pool."""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.logs import arn_of, log_group
from infra.settings import Deployment

WINDOW_SECONDS: Final = 300
REQUESTS_PER_ADDRESS: Final = 3000
SIGN_INS_PER_ADDRESS: Final = 100
"""In a window. A clinic behind one address signs in often, a password sprayer more often."""
COUNTED: Final = (
    "SizeRestrictions_BODY",
    "SizeRestrictions_QUERYSTRING",
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "EC2MetaDataSSRF_BODY",
)
"""Counted instead of blocked, because what is genuine here matches: narrative is HTML, bundles and Binaries have
megabytes, text and base64 of anything hold what looks like a path, an address or script, and a link to a next page
holds a whole search. What they would stop is stopped behind: every route bounds its body and its parameters, a model or
FHIR's rules validate them, narrative is held to harmless XHTML, no function opens a path or fetches an address that it
was given, and no answer is a page. All other rules of the group block, also those on paths and single parameters.

WAF looks at the first 16 KB of a body and lets the rest pass (its default for API Gateway, oversize handling CONTINUE),
so no rule on bodies is more than a sieve.
"""
LONG_QUERY: Final = "awswaf:managed:aws:core-rule-set:SizeRestrictions_QueryString"
"""The label of what the second of them matches: more than 2,048 bytes."""
FHIR: Final = "/v1/fhir/"


def web_acl(
    scope: Construct, id: str, settings: Deployment, key_arn: str, rules: list[dict[str, Any]]
) -> wafv2.CfnWebACL:
    """Regional; lets through what no rule blocks. Its log leaves out addresses of resources, queries and tokens."""
    acl = wafv2.CfnWebACL(
        scope,
        id,
        scope="REGIONAL",
        default_action={"allow": {}},
        visibility_config=_visible(id),
        rules=[rule | {"priority": number} for number, rule in enumerate(rules)],
    )
    name = f"aws-waf-logs-{settings.prefix}-{id.lower()}"  # WAF takes no other beginning
    group = log_group(scope, f"{id}Log", name, settings, key_arn)
    logging = wafv2.CfnLoggingConfiguration(
        scope,
        f"{id}Logging",
        resource_arn=acl.attr_arn,
        log_destination_configs=[arn_of(scope, group)],
        redacted_fields=[
            {"singleHeader": {"Name": "authorization"}},
            {"singleHeader": {"Name": "cookie"}},
            {"uriPath": {}},
            {"queryString": {}},
        ],
    )
    logging.node.add_dependency(group)
    return acl


def managed(name: str, *counted: str) -> dict[str, Any]:
    """A group of AWS's rules, those named counted only."""
    group: dict[str, Any] = {"vendorName": "AWS", "name": name}
    if counted:
        group |= {"ruleActionOverrides": [{"name": rule, "actionToUse": {"count": {}}} for rule in counted]}
    return {
        "name": name,
        "overrideAction": {"none": {}},
        "statement": {"managedRuleGroupStatement": group},
        "visibilityConfig": _visible(name),
    }


def rate(name: str, limit: int, path: str = "") -> dict[str, Any]:
    """At most ``limit`` requests of one address in a window, of those whose path holds ``path``."""
    statement: dict[str, Any] = {"limit": limit, "aggregateKeyType": "IP", "evaluationWindowSec": WINDOW_SECONDS}
    if path:
        statement["scopeDownStatement"] = _on(path)
    return {
        "name": name,
        "action": {"block": {"customResponse": {"responseCode": 429}}},
        "statement": {"rateBasedStatement": statement},
        "visibilityConfig": _visible(name),
    }


def no_long_query(beyond: str) -> dict[str, Any]:
    """Block what the group before it has counted as a long query, unless the path holds ``beyond``."""
    counted = {"labelMatchStatement": {"scope": "LABEL", "key": LONG_QUERY}}
    return {
        "name": "long-queries",
        "action": {"block": {}},
        "statement": {"andStatement": {"statements": [counted, {"notStatement": {"statement": _on(beyond)}}]}},
        "visibilityConfig": _visible("long-queries"),
    }


def _on(path: str) -> dict[str, Any]:
    return {
        "byteMatchStatement": {
            "fieldToMatch": {"uriPath": {}},
            "positionalConstraint": "CONTAINS",
            "searchString": path,
            "textTransformations": [{"priority": 0, "type": "URL_DECODE"}, {"priority": 1, "type": "LOWERCASE"}],
        }
    }


def _visible(name: str) -> dict[str, Any]:
    # Sampled requests would show paths and headers to whoever reads the console.
    return {"cloudWatchMetricsEnabled": True, "metricName": name, "sampledRequestsEnabled": False}
