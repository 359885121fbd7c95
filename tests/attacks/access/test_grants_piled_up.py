"""Grants that were over long ago pile up on one row, until it can't be changed any more: not even to revoke one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from phivault.adapters import fact_rows
from phivault.adapters.access_state_table import TABLE
from phivault.adapters.aws import client
from phivault.adapters.dynamodb_grants import DynamoGrants
from phivault.adapters.session_rows import items, row_of
from phivault.permissions.grants.state import Grant, Kind, State, Terms, Waiting

NOW = 1_800_000_000
PILE = 120
KEY = fact_rows.user_key("t", "patient", "user")
OPERATORS = 300
EXPRESSION_BYTES = 4096
"""What DynamoDB takes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


@pytest.fixture
def table(new_table: Callable[[dict[str, Any]], str]) -> str:
    return new_table(TABLE)


@pytest.fixture
def store(table: str) -> DynamoGrants:
    return DynamoGrants(table, now=lambda: NOW)


def pile(table: str) -> None:
    over = {"kind": "access", "classes": ["clinical"], "purposes": ["TREATMENT"], "starts": 0, "until": 1}
    row = KEY | {f"{fact_rows.GRANT}{uuid.uuid4()}": over for _ in range(PILE)}
    client("dynamodb").put_item(TableName=table, Item=items(row))


def left(table: str) -> set[str]:
    answer = client("dynamodb").get_item(TableName=table, Key=items(KEY), ConsistentRead=True)
    return {name for name in row_of(answer["Item"]) if name.startswith(fact_rows.GRANT)}


def waiting(grant: Grant, version: int) -> Grant:
    terms = Terms(("clinical",), ("TREATMENT",), NOW, NOW + 1000)
    return replace(grant, latest=version, waiting=Waiting(version, terms, "coordinator", NOW, NOW + 100))


def test_a_grant_is_still_approved_and_revoked(
    table: str, store: DynamoGrants, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    write = client("dynamodb").transact_write_items

    def watched(**asked: Any) -> Any:
        sent.extend(each["Update"]["UpdateExpression"] for each in asked["TransactItems"] if "Update" in each)
        return write(**asked)

    monkeypatch.setattr(client("dynamodb"), "transact_write_items", watched)
    grant = waiting(Grant(str(uuid.uuid4()), Kind.ACCESS, "user", "patient", "", "", State.PROPOSED, 0), 1)
    store.add("t", grant)
    pile(table)
    store.approve("t", grant, "officer", NOW)
    assert fact_rows.GRANT + grant.id in left(table)
    held = store.grant("t", grant.id)
    assert held is not None
    pile(table)  # as many again; the row is written anew
    store.revoke("t", held, "officer", NOW)
    assert 0 < len(left(table)) < PILE
    assert fact_rows.GRANT + grant.id not in left(table)
    assert len(sent) == 4
    for expression in sent:
        assert len(expression.encode()) < EXPRESSION_BYTES
        assert expression.count(",") + expression.count("=") < OPERATORS
