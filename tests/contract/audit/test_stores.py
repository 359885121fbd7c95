"""S3 and DynamoDB keep what the recorder's and the search's ports promise."""

from __future__ import annotations

import time

import pytest

from phivault.adapters.aws import client
from phivault.adapters.dynamodb_audit_index import TABLE, DynamoDbAuditIndex
from phivault.adapters.s3_events import S3Events
from phivault.audit.canonical import EventLine, Link, encode, parse
from phivault.audit.event import RiskLevel
from phivault.audit.query import search
from phivault.audit.store import RecordedEvent
from phivault.errors import Conflict, Unavailable
from tests.support.audit import an_event
from tests.support.bounded import HANGS, ends_by_itself


def soon() -> float:
    return time.monotonic() + 10


def recorded(**changes) -> RecordedEvent:
    line = encode(EventLine(an_event(**changes), Link(writer="a" * 32, sequence=1, prev="0" * 64)))
    return RecordedEvent(line, "ev/x.json", 1)


def test_the_same_bytes_again_are_our_own_earlier_attempt(store, bucket):
    for _ in range(2):
        store.put("ev/k", b"bytes\n", deadline=soon())
    versions = client("s3").list_object_versions(Bucket=bucket)["Versions"]
    assert len(versions) == 1


def test_other_bytes_under_the_key_are_a_conflict_and_change_nothing(store, bucket):
    store.put("ev/k", b"first\n", deadline=soon())
    with pytest.raises(Conflict) as caught:
        store.put("ev/k", b"other\n", deadline=soon())
    assert "ev/k" not in str(caught.value)
    assert client("s3").get_object(Bucket=bucket, Key="ev/k")["Body"].read() == b"first\n"


def test_a_missing_bucket_is_unavailable_at_once(aws_endpoints):
    store = S3Events("no-such-bucket", lock_mode="COMPLIANCE", retention_days=1)
    with ends_by_itself(), pytest.raises(Unavailable):
        store.put("k", b"x", deadline=time.monotonic() + HANGS)


def test_adding_twice_is_adding_once(index):
    row = recorded()
    index.add([row])
    index.add([row])
    assert len(search(index, "north", patient="patient-1").found) == 1


def test_a_batch_beyond_dynamodbs_limit_is_added_whole(index):
    rows = [recorded(timestamp=f"2026-03-04T05:06:07.{number:03d}Z") for number in range(60)]
    index.add(rows)
    first = search(index, "north", user="user-1", until="2026-03-05T00:00:00Z", limit=50)
    second = search(index, "north", user="user-1", until="2026-03-05T00:00:00Z", limit=50, cursor=first.cursor)
    stamps = [found.entry.event.timestamp for found in first.found + second.found]
    assert stamps == sorted(stamps, reverse=True)
    assert len(stamps) == 60


@pytest.mark.parametrize("filters", [{}, {"patient": "p1"}, {"user": "u1"}, {"risk": "HIGH"}])
def test_every_partition_stays_within_its_tenant_and_its_filter(index, filters):
    matching = {"patient": "p1", "user_id": "u1", "risk": RiskLevel.HIGH}
    rows = [recorded(**matching) for _ in range(8)]
    index.add([*rows, recorded(**matching, tenant="south"), recorded(patient="p2", user_id="u2", tenant="south")])
    index.add([recorded(patient="p2", user_id="u2")] if filters else [])
    found = search(index, "north", since="2026-03-04T00:00:00Z", until="2026-03-05T00:00:00Z", **filters).found
    assert {each.entry.event.id for each in found} == {parse(row.line).event.id for row in rows}


def test_keys_and_streams_name_no_patient(new_table, aws_endpoints):
    table = new_table(TABLE)
    DynamoDbAuditIndex(table).add([recorded(patient="patient-77")])
    (item,) = client("dynamodb").scan(TableName=table)["Items"]
    assert all("patient-77" not in value["S"] for name, value in item.items() if name.startswith("by_"))


def test_a_missing_table_is_unavailable(aws_endpoints):
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        DynamoDbAuditIndex("no-such-table").add([recorded()])
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        search(DynamoDbAuditIndex("no-such-table"), "north")


def written(table: str) -> list[tuple[str, str]]:
    """What the table's stream has: the kind of change and the row's place."""
    streams, arn = client("dynamodbstreams"), client("dynamodb").describe_table(TableName=table)["Table"]
    stream = arn["LatestStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    place = streams.get_shard_iterator(StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=place["ShardIterator"])["Records"]
    return [(record["eventName"], record["dynamodb"]["Keys"]["at"]["S"]) for record in records]


def test_healing_writes_what_is_missing_or_differs_and_nothing_else(index):
    rows = [recorded(timestamp=f"2026-03-04T05:06:07.{number:03d}Z") for number in range(130)]
    index.add(rows[:50])
    before = written(index._table)
    assert index.heal(rows) == 80
    assert index.heal(rows) == 0
    assert [kind for kind, _ in written(index._table)] == ["INSERT"] * 130
    assert written(index._table)[:50] == before
    item = client("dynamodb").scan(TableName=index._table)["Items"][0]
    altered = item | {"line": {"S": item["line"]["S"].replace("clinician", "clinicjan")}}
    client("dynamodb").put_item(TableName=index._table, Item=altered)
    assert index.heal(rows) == 1
    items = client("dynamodb").scan(TableName=index._table)["Items"]
    assert item in items
    assert altered not in items
    assert index.heal([]) == 0


def test_adding_again_is_no_change_to_whom_the_stream_tells(index):
    row = recorded()
    index.add([row])
    index.add([row])
    assert [kind for kind, _ in written(index._table)] == ["INSERT"]


def test_a_missing_table_cannot_be_healed(aws_endpoints):
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        DynamoDbAuditIndex("no-such-table").heal([recorded()])
