"""Roles without inline policies, and the managed policies that they have instead."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.grants import Statement


def role_for(scope: Construct, id: str, service: str) -> iam.Role:
    """A role that ``service`` takes, without any right yet. Its policies are all ``managed_policy``'s."""
    return iam.Role(scope, id, assumed_by=iam.ServicePrincipal(service))


def managed_policy(scope: Construct, id: str, role: iam.Role, statements: list[Statement]) -> iam.ManagedPolicy:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
    return iam.ManagedPolicy(scope, id, document=iam.PolicyDocument.from_json(document), roles=[role])
