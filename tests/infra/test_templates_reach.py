"""What the functions of identity reach in the templates: the resources of their rows, those alone, and in no circle."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from typing import Any

import pytest

from functions.table import TABLE
from infra.grants import PLATFORM
from infra.settings import read
from infra.synth import context
from tests.infra.reading import Assembly, exports, listed, needs, properties, resources, statements_of, strings

pytestmark = pytest.mark.infra
TRIGGERS = [row for row in TABLE if row.trigger.startswith("cognito:")]
IDENTITY = [*TRIGGERS, *(row for row in TABLE if row.name in ("auth", "accounts", "me", "admin"))]
OBJECTS = "/*"
RESOURCES = {
    "audit_bucket": ("audit", "AWS::S3::Bucket", "Audit", OBJECTS),
    "audit_head_bucket": ("audit", "AWS::S3::Bucket", "AuditHead", OBJECTS),
    "audit_index_table": ("audit", "AWS::DynamoDB::Table", "AuditIndex", ""),
    "access_state_table": ("state", "AWS::DynamoDB::Table", "AccessState", ""),
    "subject_keys_table": ("state", "AWS::DynamoDB::Table", "SubjectKeys", ""),
    "subject_key_arn": ("keys", "AWS::KMS::Key", "Subjects", ""),
    "user_pool_id": ("identity", "AWS::Cognito::UserPool", "Pool", ""),
}
"""By setting: where it is made, as what, its logical id (which CDK may follow with a hash), what follows its ARN."""


def made(stacks: Assembly, setting: str) -> str:
    """What a grant on the setting is on, as ``reached`` writes it."""
    stack, kind, id, suffix = RESOURCES[setting]
    own = re.compile(f"{stack}/{id}([0-9A-F]{{8}})?")
    (found,) = (name for name in resources({stack: stacks[stack]}, kind) if own.fullmatch(name))
    return found + suffix


def reached(stacks: Assembly, stack: str, resource: Any) -> str:
    """``stack/logical id`` of an ARN in a policy of that stack, imported or its own; an ARN that is text as it is."""
    match resource:
        case str():
            return resource
        case {"Fn::GetAtt": [name, "Arn"]}:
            return f"{stack}/{name}"
        case {"Fn::ImportValue": str(name)}:
            return reached(stacks, *exports(stacks)[name])
        case {"Fn::Join": ["", [arn, str(suffix)]]}:
            return reached(stacks, stack, arn) + suffix
    raise AssertionError(f"Not an ARN: {resource}")


def may(stacks: Assembly, function: str) -> set[tuple[str, str]]:
    """Each action of the function's role with what it is on, but for what Lambda itself needs."""
    stack = next(name.split("/")[0] for name, one in resources(stacks).items() if _runs(one, function))
    return {
        (action, reached(stacks, stack, resource))
        for one in statements_of(stacks, function)
        for action in listed(one["Action"])
        if action not in PLATFORM
        for resource in listed(one["Resource"])
    }


def _runs(resource: dict[str, Any], function: str) -> bool:
    return resource["Type"] == "AWS::Lambda::Function" and (
        resource["Properties"]["Handler"] == f"functions.{function}.handler.handler"
    )


@pytest.mark.parametrize("row", IDENTITY, ids=lambda row: row.name)
def test_a_function_of_identity_reaches_what_its_row_names(assemblies: dict[str, Assembly], row):
    for profile, stacks in assemblies.items():
        settings = read(context(profile))
        senders = {"email_identity_arn": settings.email_identity, "sms_origination_arn": settings.sms_origination}
        assert may(stacks, row.name) == {
            (action, senders.get(grant.setting) or made(stacks, grant.setting))
            for grant in row.grants
            for action in grant.actions
        }


@pytest.mark.parametrize("row", TRIGGERS, ids=lambda row: row.name)
def test_a_trigger_opens_nothing_and_changes_nobody(stacks: Assembly, row):
    """Nobody's key, no account, and of the rows no more than sessions that end."""
    rows = {action for action, on in may(stacks, row.name) if on == made(stacks, "access_state_table")}
    changes = {"dynamodb:Query", "dynamodb:UpdateItem"} if row.name == "post_confirmation" else {"dynamodb:GetItem"}
    assert rows <= changes
    services = {action.partition(":")[0] for action, _ in may(stacks, row.name)}
    assert not services & {"kms", "lambda", "sns", "sms-voice", "secretsmanager", "rds-db"}
    assert {action for action, _ in may(stacks, row.name) if action.startswith("cognito-idp:")} <= (
        {"cognito-idp:AdminGetUser"} if row.name == "pre_token" else set()
    )


def test_messages_leave_as_the_configured_sender_alone(production: Assembly):
    sent: dict[tuple[str, str], set[str]] = {}
    for row in TABLE:
        for one in statements_of(production, row.name):
            for action in listed(one["Action"]):
                if action.startswith(("ses:", "sms-voice:")):
                    sent.setdefault((action, one["Resource"]), set()).add(row.name)
    here = "us-east-1:111122223333"
    assert sent == {
        ("ses:SendEmail", f"arn:aws:ses:{here}:identity/clinic.example"): {
            "accounts",
            "me",
            "admin",
            "post_confirmation",
        },
        ("sms-voice:SendTextMessage", f"arn:aws:sms-voice:{here}:pool/pool-00000000000000000000"): {"accounts"},
    }


def test_nothing_else_sends(stacks: Assembly):
    """But the pool by itself, to any number: Cognito's own codes."""
    documents = [
        one["PolicyDocument"]
        for kind in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
        for one in properties(stacks, kind)
    ]
    sending = [
        text for text in strings(documents) if text.startswith(("ses:", "sms-voice:", "sns:", "mobiletargeting:"))
    ]
    assert sorted(sending) == [*["ses:SendEmail"] * 4, "sms-voice:SendTextMessage", *["sns:Publish"] * 2]


def test_without_a_sender_nobody_is_sent_as(dev: Assembly):
    for row in TABLE:
        for one in statements_of(dev, row.name):
            if {"ses:SendEmail", "sms-voice:SendTextMessage"} & set(listed(one["Action"])):
                assert one["Resource"].endswith((":identity/unset.invalid", ":sender-id/unset/ZZ"))
    (pool,) = properties(dev, "AWS::Cognito::UserPool")
    assert "EmailConfiguration" not in pool


def test_no_stack_needs_itself(stacks: Assembly):
    """CloudFormation refuses circles at deployment, CDK only those between stacks."""
    for stack in stacks.values():
        TopologicalSorter(needs(stack)).prepare()
    exported = exports(stacks)
    between = {name: {exported[one["Fn::ImportValue"]][0] for one in _imports(stack)} for name, stack in stacks.items()}
    assert between["identity"] >= {"audit", "state", "keys"}
    TopologicalSorter(between).prepare()


def test_the_pool_and_the_trigger_that_asks_it_are_made_one_after_the_other(stacks: Assembly):
    graph = needs(stacks["identity"])
    (pool,), (function,), (policy,) = (
        [
            name
            for name, one in stacks["identity"]["Resources"].items()
            if one["Type"] == kind and name.startswith(begins)
        ]
        for kind, begins in (
            ("AWS::Cognito::UserPool", "Pool"),
            ("AWS::Lambda::Function", "PreToken"),
            ("AWS::IAM::ManagedPolicy", "PreToken"),
        )
    )
    assert pool in graph[policy]
    assert policy not in graph[function]
    graph[function].add(policy)  # as with every other function
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()


def _imports(value: Any) -> list[dict[str, str]]:
    match value:
        case {"Fn::ImportValue": str()}:
            return [value]
        case dict():
            return [one for inner in value.values() for one in _imports(inner)]
        case list():
            return [one for inner in value for one in _imports(inner)]
    return []
