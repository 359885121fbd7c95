"""Findings that stay, each on one resource and with its reason. The templates carry them as metadata."""

from __future__ import annotations

from aws_cdk import Acknowledgment, CfnResource, Validations
from constructs import Construct, IConstruct

_AWS_OWN = "arn:<AWS::Partition>:iam::aws:policy/service-role"


def acknowledge(construct: Construct, reason: str, *rules: str) -> None:
    """Accept the named rules' findings on this construct's own resource, not on what else it consists of."""
    resource = construct if isinstance(construct, CfnResource) else construct.node.default_child
    assert resource is not None
    for rule in rules:
        accept(resource, rule, reason)


def managed_policies(construct: Construct, reason: str, *names: str) -> None:
    """Accept AWS's own policies of these names on a role."""
    acknowledge(construct, reason, *(f"AwsSolutions-IAM4[Policy::{_AWS_OWN}/{name}]" for name in names))


def wildcards(construct: Construct, reason: str, *resources: str) -> None:
    """Accept these resources with a ``*`` in the construct's statements, written as cdk-nag writes them."""
    acknowledge(construct, reason, *(f"AwsSolutions-IAM5[Resource::{resource}]" for resource in resources))


def accept(resource: IConstruct, rule: str, reason: str) -> None:
    """The one place that tells cdk-nag; a test takes its place to find what is acknowledged in vain."""
    Validations.of(resource).acknowledge(Acknowledgment(id=rule, reason=reason))
