"""Queries of the local DynamoDB find what DynamoDB would, in time that doesn't grow with other partitions."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

from local import aws_dynamodb
from phivault.adapters.aws import client

SCHEMA: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "h", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("h", "r", "i")],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_i",
            "KeySchema": [{"AttributeName": "i", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


def _fill(table: str, hashes: list[str], count: int) -> None:
    rows = [{"h": {"S": h}, "r": {"S": f"{n:04d}"}, "i": {"S": f"{n % 3}"}} for h in hashes for n in range(count)]
    for start in range(0, len(rows), 25):
        requests: Any = [{"PutRequest": {"Item": row}} for row in rows[start : start + 25]]
        client("dynamodb").batch_write_item(RequestItems={table: requests})


def _query(table: str, name: str, value: str, **more: Any) -> list[str]:
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=table,
            KeyConditionExpression="#n = :v AND #r BETWEEN :a AND :b",
            ExpressionAttributeNames={"#n": name, "#r": "r"},
            ExpressionAttributeValues={":v": {"S": value}, ":a": {"S": "0002"}, ":b": {"S": "0008"}},
            **more,
        )
    )
    return [item["h"]["S"] + item["r"]["S"] for page in pages for item in page["Items"]]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_query_finds_its_own_partition_in_order(new_table: Callable[[Any], str], size: int) -> None:
    table = new_table(SCHEMA)
    _fill(table, ["a", "b"], 10)
    paged = {"PaginationConfig": {"PageSize": size}}
    assert _query(table, "h", "a", **paged) == [f"a000{n}" for n in range(2, 9)]
    assert _query(table, "h", "b", ScanIndexForward=False, **paged) == [f"b000{n}" for n in range(8, 1, -1)]
    assert _query(table, "h", "nobody", **paged) == []
    by_index = _query(table, "i", "0", IndexName="by_i", **paged)
    assert sorted(by_index) == ["a0003", "a0006", "b0003", "b0006"]
    assert [one[1:] for one in by_index] == ["0003", "0003", "0006", "0006"]
    scanned = client("dynamodb").get_paginator("scan").paginate(TableName=table, PaginationConfig={"PageSize": size})
    assert sum(len(page["Items"]) for page in scanned) == 20


def test_other_partitions_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Table, "query", Table.query)
    monkeypatch.setattr(Table, "all_items", Table.all_items)
    table = Table("t", "000000000000", "us-east-1", SCHEMA["KeySchema"], attr=SCHEMA["AttributeDefinitions"])
    for number in range(4000):
        table.put_item({"h": {"S": f"h{number % 1000}"}, "r": {"S": str(number)}})

    def seconds() -> float:
        """The quickest of five, of this thread's own: others take the processor meanwhile."""
        taken = []
        for _ in range(5):
            started = time.thread_time()
            found, _, _ = table.query(DynamoType({"S": "h7"}), None, [], 100, None, True, None)
            taken.append(time.thread_time() - started)
            assert [item.attrs["r"].value for item in found] == ["1007", "2007", "3007", "7"]
        return min(taken)

    sorting_everything = seconds()
    aws_dynamodb.install()
    assert seconds() < sorting_everything / 5


def test_a_transaction_that_comes_again_is_done_once(new_table: Callable[[Any], str]) -> None:
    table = new_table(SCHEMA)
    put: Any = {"Put": {"TableName": table, "Item": {"h": {"S": "a"}, "r": {"S": "1"}, "i": {"S": "0"}}}}
    put["Put"]["ConditionExpression"] = "attribute_not_exists(h)"
    dynamodb, token = client("dynamodb"), secrets.token_hex(16)
    for _ in range(2):
        dynamodb.transact_write_items(TransactItems=[put], ClientRequestToken=token)
    for _ in range(2):  # what was refused isn't known
        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            dynamodb.transact_write_items(TransactItems=[put])


def _transact(table: str, *changes: dict[str, Any]) -> None:
    asked: Any = [{kind: {"TableName": table} | change} for each in changes for kind, change in each.items()]
    client("dynamodb").transact_write_items(TransactItems=asked)


def test_a_transaction_that_fails_changes_nothing_of_any_kind(new_table: Callable[[Any], str]) -> None:
    table = new_table(SCHEMA)
    _fill(table, ["a", "b", "c"], 2)
    before = sorted(map(str, client("dynamodb").scan(TableName=table)["Items"]))
    key = {"h": {"S": "a"}, "r": {"S": "0000"}}
    changes: list[dict[str, Any]] = [
        {"Update": {"Key": key, "UpdateExpression": "SET #n = :n", "ExpressionAttributeNames": {"#n": "n"}}},
        {"Delete": {"Key": {"h": {"S": "b"}, "r": {"S": "0001"}}}},
        {"Put": {"Item": {"h": {"S": "new"}, "r": {"S": "1"}, "i": {"S": "0"}}}},
    ]
    changes[0]["Update"]["ExpressionAttributeValues"] = {":n": {"S": "x"}}
    fails = {"Put": {"Item": {**key, "r": {"S": "0001"}}, "ConditionExpression": "attribute_not_exists(h)"}}
    with pytest.raises(client("dynamodb").exceptions.TransactionCanceledException):
        _transact(table, *changes, fails)
    assert sorted(map(str, client("dynamodb").scan(TableName=table)["Items"])) == before
    _transact(table, *changes)
    after = client("dynamodb").scan(TableName=table)["Items"]
    assert len(after) == len(before)
    assert [item["h"]["S"] for item in after if "n" in item] == ["a"]
