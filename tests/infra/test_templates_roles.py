"""The functions' roles in the templates: their rows and nothing more."""

from __future__ import annotations

import re

import pytest

from functions.table import TABLE
from infra.grants import ON_OBJECTS, PLATFORM
from tests.infra.reading import Assembly, listed, statements_of, text

pytestmark = pytest.mark.infra


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_role_is_its_rows_grants_and_lambdas_own(stacks: Assembly, row):
    granted = {action for one in statements_of(stacks, row.name) for action in listed(one["Action"])}
    in_table = {action for grant in row.grants for action in grant.actions}
    assert granted - PLATFORM == in_table - PLATFORM
    assert not [action for action in granted if "*" in action]


BEYOND_NAMES = ON_OBJECTS | {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "logs:FilterLogEvents",
    "kms:GetPublicKey",
}
"""What may be on objects and streams that have no name yet, or on a key that another account's policy names."""
WITHOUT_RESOURCES = {"xray:PutTraceSegments", "dynamodb:ListStreams", "ec2:CreateNetworkInterface"}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_role_reaches_named_resources(stacks: Assembly, row):
    for statement in statements_of(stacks, row.name):
        assert statement["Effect"] == "Allow"
        for resource in listed(statement["Resource"]):
            if resource == "*":
                assert WITHOUT_RESOURCES & set(listed(statement["Action"]))
            elif "*" in text(resource):
                assert set(listed(statement["Action"])) <= BEYOND_NAMES


def test_only_preparing_the_database_may_read_its_password(stacks: Assembly):
    readers = {
        row.name
        for row in TABLE
        for one in statements_of(stacks, row.name)
        if "secretsmanager:GetSecretValue" in listed(one["Action"])
    }
    assert readers == {"migrate"}


def test_functions_sign_in_as_one_role_each(stacks: Assembly):
    """As the application, but for those that migrate the database and rotate keys."""
    for row in TABLE:
        for one in statements_of(stacks, row.name):
            if "rds-db:connect" in listed(one["Action"]):
                role = {"migrate": "phivault_owner", "rotator": "phivault_rotator"}.get(row.name, "phivault_app")
                assert set(re.findall(r'[/"](phivault_\w+)"', text(one["Resource"]))) == {role}
