"""The stream poller: every record arrives in order, again until passed, in the shape that Lambda gives it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.streams import StreamPoller
from phivault.adapters.aws import client
from phivault.adapters.dynamodb_audit_index import TABLE
from phivault.errors import PhivaultError


@pytest.fixture
def stream(new_table: Callable[[dict[str, Any]], str]) -> tuple[str, Callable[[int], None]]:
    """A table's stream, and a function that writes row ``n``."""
    table = new_table(TABLE)
    arn = client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]

    def write(number: int) -> None:
        client("dynamodb").put_item(TableName=table, Item={"by_day": {"S": "d"}, "at": {"S": f"{number:03d}"}})

    return arn, write


def places(event: dict[str, Any]) -> list[str]:
    return [record["dynamodb"]["NewImage"]["at"]["S"] for record in event["Records"]]


def test_records_from_before_and_after_the_start_arrive_once_in_order(stream):
    arn, write = stream
    seen: list[str] = []
    poller = StreamPoller(arn, lambda event: seen.extend(places(event)) or {}, interval_seconds=0.02)
    for number in range(25):
        write(number)
    poller.start()
    for number in range(25, 30):
        write(number)
    until = time.monotonic() + 60
    while len(seen) < 30 and time.monotonic() < until:
        time.sleep(0.02)
    poller.stop()
    assert seen == [f"{number:03d}" for number in range(30)]
    assert not poller.is_alive()


def test_events_have_lambdas_shape(stream):
    arn, write = stream
    events: list[dict[str, Any]] = []
    poller = StreamPoller(arn, lambda event: events.append(event) or {})
    write(1)
    poller.poll()
    (event,) = events
    (record,) = json.loads(json.dumps(event))["Records"]
    assert (record["eventName"], record["eventSource"], record["eventSourceARN"]) == ("INSERT", "aws:dynamodb", arn)
    assert record["dynamodb"]["StreamViewType"] == "NEW_IMAGE"
    assert record["dynamodb"]["NewImage"] == {"by_day": {"S": "d"}, "at": {"S": "001"}}


def test_a_failed_record_and_those_after_it_come_again(stream):
    arn, write = stream
    batches: list[list[str]] = []

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        batches.append(places(event))
        if len(batches) == 1:
            return {"batchItemFailures": [{"itemIdentifier": event["Records"][2]["dynamodb"]["SequenceNumber"]}]}
        return {"batchItemFailures": []}

    poller = StreamPoller(arn, invoke)
    for number in range(4):
        write(number)
    with pytest.raises(PhivaultError):
        poller.poll()
    poller._iterators.clear()
    poller.poll()
    assert batches == [["000", "001", "002", "003"], ["002", "003"]]


def test_a_function_that_raises_gets_its_batch_again(stream):
    arn, write = stream
    batches: list[list[str]] = []

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        batches.append(places(event))
        if len(batches) < 3:
            raise RuntimeError("crash")
        return {}

    write(7)
    poller = StreamPoller(arn, invoke, interval_seconds=0.01)
    poller.start()
    until = time.monotonic() + 60
    while len(batches) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    poller.stop()
    assert batches == [["007"]] * 3
