"""The network in the templates."""

from __future__ import annotations

import pytest

from functions.table import TABLE
from tests.infra.reading import Assembly, functions, properties, resources, text

pytestmark = pytest.mark.infra


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
