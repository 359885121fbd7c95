"""Functions, their releases and what invokes them, in the templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from functions.table import TABLE
from infra.grants import LOCAL_ONLY
from phivault.records import anchors
from tests.infra.reading import Assembly, functions, only, properties, resources

pytestmark = pytest.mark.infra


def test_functions_are_the_tables_rows(stacks: Assembly):
    found = functions(stacks)
    assert set(found) == {row.name for row in TABLE}
    for row in TABLE:
        function = found[row.name]
        assert function["Handler"] == f"functions.{row.name}.handler.handler"
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        assert (function["Timeout"], function["MemorySize"]) == (row.timeout_seconds, row.memory_mb)
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert len(function["Layers"]) == 2
        assert "DeadLetterConfig" in function
        assert function["ReservedConcurrentExecutions"] > 0
        assert set(function["Environment"]["Variables"]) == {
            f"PHIVAULT_{name.upper()}" for name in row.settings if name not in LOCAL_ONLY
        }


def test_each_function_is_released_by_an_alias_with_an_alarm(stacks: Assembly):
    groups = properties(stacks, "AWS::CodeDeploy::DeploymentGroup")
    released = [row for row in TABLE if row.name not in ("migrate", "witness") and "cognito:" not in row.trigger]
    assert len(groups) == len(released)
    for group in groups:
        assert group["AutoRollbackConfiguration"]["Enabled"] is True
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        assert len(group["AlarmConfiguration"]["Alarms"]) == 1


def test_a_version_without_an_anchor_sounds_an_alarm(stacks: Assembly):
    from infra.unanchored import LINE  # with the CDK, which this file is collected without

    source = Path(anchors.__file__).read_text("utf-8")
    assert f'_log.error("{LINE}: ' in source
    lines = only(stacks, "AWS::Logs::MetricFilter")
    assert f'$.message = "{LINE}*"' in lines["FilterPattern"]
    log = resources(stacks, "AWS::Logs::LogGroup")
    assert any(name.endswith(lines["LogGroupName"]["Ref"]) and "Records" in name for name in log)
    [metric] = lines["MetricTransformations"]
    [alarm] = [
        alarm
        for alarm in properties(stacks, "AWS::CloudWatch::Alarm")
        if (alarm.get("Namespace"), alarm.get("MetricName")) == (metric["MetricNamespace"], metric["MetricName"])
    ]
    assert alarm["Threshold"] == 1
    assert alarm["AlarmActions"]


def test_alerts_report_what_failed_of_a_batch(stacks: Assembly):
    mapping = only(stacks, "AWS::Lambda::EventSourceMapping")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "OnFailure" in mapping["DestinationConfig"]
    assert "FilterCriteria" not in mapping


def test_the_database_is_prepared_before_functions_change(stacks: Assembly):
    resource = only(stacks, "Custom::PhivaultDatabase")
    assert resource["ContextKeyIds"] == ["k1"]
    records = next(
        found
        for found in resources(stacks, "AWS::Lambda::Function").values()
        if found["Properties"]["Handler"] == "functions.records.handler.handler"
    )
    keys = records["Properties"]["Environment"]["Variables"]["PHIVAULT_TENANT_CONTEXT_KEYS"]
    assert keys["Fn::GetAtt"][1] == "ContextKeys"
    assert keys["Fn::GetAtt"][0] in records["DependsOn"]
