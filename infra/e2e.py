"""The ``e2e`` context: the synthesized templates as an emulator takes them, and a reason for every difference.

``adapt`` changes templates after synthesis, so that the stacks know nothing of it: what it leaves alone is what
``cdk deploy`` ships. Everything it does is answered as a list of ``Difference``, for the output of ``make e2e``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.table import TABLE

type Template = dict[str, Any]

_ROLES = {f"functions.{row.name}.handler.handler": row.database_role for row in TABLE}
"""Whom a function signs in to the database as, by its handler."""

REJECTED = frozenset(
    {
        "AWS::ApiGateway::ClientCertificate",
        "AWS::Athena::NamedQuery",
        "AWS::Backup::BackupSelection",
        "AWS::CloudTrail::Trail",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::Cognito::LogDeliveryConfiguration",
        "AWS::Cognito::UserPoolRiskConfigurationAttachment",
        "AWS::Config::ConfigRule",
        "AWS::EC2::FlowLog",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::GuardDuty::Detector",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::WAFv2::LoggingConfiguration",
        "AWS::WAFv2::WebACLAssociation",
    }
)
"""Types that the emulator doesn't know: it refuses a template that has one. A run holds this list to the emulator."""
UNRUNNABLE = frozenset({"Custom::VpcRestrictDefaultSG"})
"""Custom resources of the CDK's own in Node.js: the emulator has no AWS SDK for it, as AWS's runtime does."""

UNSUPPORTED = frozenset({("AWS::CloudWatch::Alarm", "Metrics")})
"""Types and properties: a resource with the property is refused."""
MISSING = frozenset({("AWS::RDS::DBCluster", "MasterUserSecret.SecretArn")})
"""Attributes that the emulator's resources haven't got."""


@dataclass(frozen=True, slots=True)
class Difference:
    """``place`` is a logical id; ``what`` the type left out or the property set."""

    stack: str
    place: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """The PostgreSQL that stands for Aurora: DSNs with passwords, by database role."""

    dsns: Mapping[str, str]


def adapt(stack: str, template: Template, database: Embedded) -> list[Difference]:
    """Change ``template`` in place."""
    return [*_leave_out(stack, template), *_use(stack, template, database)]


def _leave_out(stack: str, template: Template) -> Iterator[Difference]:
    resources = template.get("Resources", {})
    gone = {place: why for place, body in resources.items() if (why := _why_not(body))}
    for place, why in gone.items():
        yield Difference(stack, place, resources.pop(place)["Type"], why)
    for body in resources.values():
        _stop_waiting(body, gone)
    kinds = {name: body["Type"] for name, body in resources.items()}
    missing = {(name, attribute) for name, kind in kinds.items() for owner, attribute in MISSING if owner == kind}
    for name, attribute in missing:
        yield Difference(stack, name, f"{kinds[name]} {attribute}", "the emulator's resource has no such attribute")
    for section in ("Resources", "Outputs"):
        for name, body in list(template.get(section, {}).items()):
            template[section][name] = _without(body, gone, missing)


def _why_not(body: dict[str, Any]) -> str:
    """Why the emulator can't take a resource; empty where it can."""
    kind = body["Type"]
    if kind in REJECTED:
        return "the emulator knows no such type"
    if kind in UNRUNNABLE:
        return "the emulator has no AWS SDK for Node.js"
    refused = [name for owner, name in UNSUPPORTED if owner == kind and name in body.get("Properties", {})]
    return f"the emulator refuses its property {refused[0]}" if refused else ""


def _stop_waiting(body: dict[str, Any], gone: Collection[str]) -> None:
    waits = body.get("DependsOn", [])
    kept = [name for name in ([waits] if isinstance(waits, str) else waits) if name not in gone]
    body.pop("DependsOn", None)
    if kept:
        body["DependsOn"] = kept


def _named(value: Any) -> tuple[str, str]:
    """The logical id and attribute that an intrinsic function names; empty where it is none."""
    if isinstance(value, dict) and len(value) == 1:
        if isinstance(name := value.get("Ref"), str):
            return name, ""
        if "Fn::GetAtt" in value:
            name, attribute = value["Fn::GetAtt"]
            return name, attribute
    return "", ""


def _without(value: Any, gone: Collection[str], missing: Collection[tuple[str, str]]) -> Any:
    """The same value, with an ARN of nothing where it names what isn't there."""
    name, attribute = _named(value)
    if name in gone or (name, attribute) in missing:
        return f"arn:aws:e2e:::{name}"
    if isinstance(value, dict):
        return {key: _without(child, gone, missing) for key, child in value.items()}
    return [_without(child, gone, missing) for child in value] if isinstance(value, list) else value


def _use(stack: str, template: Template, database: Embedded) -> Iterator[Difference]:
    """Functions that would sign in to Aurora sign in as on the laptop: no emulator checks IAM tokens for a database."""
    for place, body in template.get("Resources", {}).items():
        if body["Type"] != "AWS::Lambda::Function":
            continue
        variables = body["Properties"].get("Environment", {}).get("Variables", {})
        if "PHIVAULT_POSTGRES_HOST" in variables:
            variables["PHIVAULT_POSTGRES_DSN"] = database.dsns[_ROLES[body["Properties"]["Handler"]]]
            variables["PHIVAULT_PROFILE"] = "local"
            what = f"profile local and a DSN in the environment of {place}"
            yield Difference(stack, place, what, "the embedded PostgreSQL stands for Aurora")
