from __future__ import annotations

import json
from typing import Any

import pytest

from infra import e2e

DATABASE = e2e.Embedded({"phivault_app": "app", "phivault_owner": "owner", "phivault_rotator": "rotator"})
AURORA = {"PHIVAULT_PROFILE": "production", "PHIVAULT_POSTGRES_HOST": "aurora", "OTHER": "kept"}


def _template() -> dict[str, Any]:
    return {
        "Resources": {
            "Log": {"Type": "AWS::EC2::FlowLog", "Properties": {}},
            "Topic": {"Type": "AWS::SNS::Topic", "DependsOn": ["Log", "Key"], "Properties": {"Name": {"Ref": "Log"}}},
            "Queue": {"Type": "AWS::SQS::Queue", "DependsOn": "Log", "Properties": {}},
            "Key": {"Type": "AWS::KMS::Key", "Properties": {"Description": {"Fn::GetAtt": ["Log", "Id"]}}},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Handler": "functions.records.handler.handler",
                    "Environment": {"Variables": dict(AURORA)},
                },
            },
            "Bare": {"Type": "AWS::Lambda::Function", "Properties": {}},
        },
        "Outputs": {"LogId": {"Value": {"Fn::GetAtt": ["Log", "Id"]}}, "TopicArn": {"Value": {"Ref": "Topic"}}},
    }


def test_leaves_out_what_is_rejected_and_every_mention_of_it() -> None:
    template = _template()
    told = e2e.adapt("stack", template, DATABASE)
    assert "Log" not in template["Resources"]
    assert "DependsOn" not in template["Resources"]["Queue"]
    assert template["Resources"]["Topic"]["DependsOn"] == ["Key"]
    assert '"Log"' not in json.dumps(template)
    assert ("Log", "AWS::EC2::FlowLog") in [(one.place, one.what) for one in told]


def test_points_functions_of_the_database_at_the_embedded_one() -> None:
    template = _template()
    told = e2e.adapt("stack", template, DATABASE)
    variables = template["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert variables == {**AURORA, "PHIVAULT_PROFILE": "local", "PHIVAULT_POSTGRES_DSN": "app"}
    assert template["Resources"]["Bare"]["Properties"] == {}
    assert "Function" in [difference.place for difference in told]


@pytest.mark.parametrize(("function", "dsn"), [("migrate", "owner"), ("rotator", "rotator"), ("access", "app")])
def test_gives_each_function_the_dsn_of_its_own_role(function: str, dsn: str) -> None:
    template = _template()
    template["Resources"]["Function"]["Properties"]["Handler"] = f"functions.{function}.handler.handler"
    e2e.adapt("stack", template, DATABASE)
    variables = template["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert variables["PHIVAULT_POSTGRES_DSN"] == dsn


def test_leaves_everything_else_alone() -> None:
    template = _template()
    del template["Resources"]["Log"], template["Outputs"]["LogId"]
    template["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic", "DependsOn": ["Key"], "Properties": {}}
    template["Resources"]["Queue"].pop("DependsOn")
    del template["Resources"]["Function"]
    template["Resources"]["Key"]["Properties"] = {"Description": {"Fn::GetAtt": ["Topic", "Name"]}}
    before = json.dumps(template, sort_keys=True)
    assert e2e.adapt("stack", template, DATABASE) == []
    assert json.dumps(template, sort_keys=True) == before


def test_replaces_attributes_that_the_emulator_lacks() -> None:
    template = _template()
    template["Resources"]["Cluster"] = {"Type": "AWS::RDS::DBCluster", "Properties": {}}
    secret = {"Fn::GetAtt": ["Cluster", "MasterUserSecret.SecretArn"]}
    other = {"Fn::GetAtt": ["Cluster", "Endpoint.Address"]}
    template["Resources"]["Key"]["Properties"] = {"Secret": secret, "Other": other}
    e2e.adapt("stack", template, DATABASE)
    assert template["Resources"]["Key"]["Properties"] == {"Secret": "arn:aws:e2e:::Cluster", "Other": other}


def test_leaves_out_only_those_of_a_type_that_have_the_property() -> None:
    template = _template()
    template["Resources"]["Sum"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": []}}
    template["Resources"]["Plain"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}}
    e2e.adapt("stack", template, DATABASE)
    assert "Sum" not in template["Resources"]
    assert "Plain" in template["Resources"]
