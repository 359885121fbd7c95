"""The audit index on DynamoDB: a rebuildable projection of the log, for search and for alerts."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from phivault.adapters.aws import client, translated
from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import AuditEvent
from phivault.audit.query import ALERTED, By, Partition, period_of
from phivault.audit.store import RecordedEvent
from phivault.errors import IntegrityError, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BATCH: Final = 25
_READ_BATCH: Final = 100
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_SHARDS: Final = 4


def _secondary(by: By) -> dict[str, Any]:
    return {
        "IndexName": by.value,
        "KeySchema": [
            {"AttributeName": f"by_{by}", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "ALL"},
    }


_SECONDARY = (By.PATIENT, By.USER, By.ALERT)

TABLE: Final[dict[str, Any]] = {
    "KeySchema": [{"AttributeName": "by_day", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"} for name in ("by_day", "at", *(f"by_{by}" for by in _SECONDARY))
    ],
    "GlobalSecondaryIndexes": [_secondary(by) for by in _SECONDARY],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
}
"""Arguments of DynamoDB CreateTable, without the name. A row is (by_day, at, line, object, position) and the keys
of the sparse indexes it is in; ``at`` is ``timestamp#id``, ``line`` the event's canonical line. No TTL."""


class DynamoDbAuditIndex:
    """Fills ``phivault.audit.store.EventIndex``, ``phivault.audit.query.EventRows`` and
    ``phivault.audit.seal.store.IndexRows``.

    ``add`` needs dynamodb:BatchWriteItem, ``heal`` that and dynamodb:BatchGetItem, ``newest`` dynamodb:Query on the
    table and its indexes. ``add`` gives up after ``add_seconds``: it stands in the way of an answer that needn't
    wait for it.
    """

    def __init__(self, table: str, *, add_seconds: float = 0.5) -> None:
        self._table, self._add_seconds = table, add_seconds

    def add(self, events: Sequence[RecordedEvent]) -> None:
        dynamodb = client("dynamodb", read_timeout=self._add_seconds, attempts=1)
        deadline = time.monotonic() + self._add_seconds
        for batch in itertools.batched(events, _BATCH, strict=False):
            requests: Any = {self._table: [{"PutRequest": {"Item": _row(event)}} for event in batch]}
            while requests:
                if time.monotonic() >= deadline:
                    raise Unavailable("DynamoDB did not take the audit index's rows in time")
                with translated("DynamoDB"):
                    requests = dynamodb.batch_write_item(RequestItems=requests).get("UnprocessedItems")

    def heal(self, events: Sequence[RecordedEvent]) -> int:
        written = 0
        for batch in itertools.batched(events, _READ_BATCH, strict=False):
            rows = {_place(row): row for row in map(_row, batch)}
            held = {_place(row): row for row in self._held(list(rows))}
            wrong = [row for place, row in rows.items() if held.get(place) != row]
            for some in itertools.batched(wrong, _BATCH, strict=False):
                self._patiently("batch_write_item", {self._table: [{"PutRequest": {"Item": row}} for row in some]})
            written += len(wrong)
        return written

    def _held(self, places: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        keys = [{"by_day": {"S": by_day}, "at": {"S": at}} for by_day, at in places]
        # Consistent: a row that was just added must not look as if it were missing.
        return self._patiently("batch_get_item", {self._table: {"Keys": keys, "ConsistentRead": True}})

    def _patiently(self, operation: str, requests: Any) -> list[dict[str, Any]]:
        """A batch, with what DynamoDB didn't get to asked again, ever more slowly. The rows read, if any."""
        call, pause = getattr(client("dynamodb"), operation), _FIRST_PAUSE
        rows: list[dict[str, Any]] = []
        while True:
            with translated("DynamoDB"):
                answer = call(RequestItems=requests)
            rows += answer.get("Responses", {}).get(self._table, [])
            requests = answer.get("UnprocessedItems") or answer.get("UnprocessedKeys")
            if not requests:
                return rows
            if pause > _LONGEST_PAUSE:
                raise Unavailable("DynamoDB is too busy to heal the audit index")
            time.sleep(pause)
            pause *= 2

    def newest(self, partition: Partition, *, lowest: str, below: str, limit: int) -> list[RecordedEvent]:
        dynamodb, keys = client("dynamodb"), _keys(partition)
        # Shards share a day evenly: twice its share from each is mostly enough, and what isn't is asked for then.
        size = limit + 1 if len(keys) == 1 else 2 * limit // len(keys) + 2
        streams = [self._rows(dynamodb, partition.by, key, lowest, below, size) for key in keys]
        with translated("DynamoDB"):
            rows = heapq.merge(*streams, key=lambda row: row["at"]["S"], reverse=True)
            return [_recorded(row) for row in itertools.islice(rows, limit)]

    def _rows(
        self, dynamodb: DynamoDBClient, by: By, key: str, lowest: str, below: str, size: int
    ) -> Iterator[dict[str, Any]]:
        arguments: dict[str, Any] = {} if by is By.DAY else {"IndexName": by.value}
        pages = dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            # BETWEEN includes its end; places are distinct, so that one is dropped below.
            KeyConditionExpression="#key = :key AND #at BETWEEN :lowest AND :below",
            ExpressionAttributeNames={"#key": f"by_{by}", "#at": "at"},
            ExpressionAttributeValues={":key": {"S": key}, ":lowest": {"S": lowest}, ":below": {"S": below}},
            ScanIndexForward=False,
            PaginationConfig={"PageSize": size},
            **arguments,
        )
        for page in pages:
            yield from (row for row in page["Items"] if row["at"]["S"] != below)


def _row(recorded: RecordedEvent) -> dict[str, Any]:
    entry = parse(recorded.line)
    if not isinstance(entry, EventLine):
        raise IntegrityError("Only events are indexed")
    event = entry.event
    row = {
        "by_day": _key(Partition(By.DAY, event.tenant, period=period_of(By.DAY, event.timestamp)), _shard(event)),
        "at": f"{event.timestamp}#{event.id}",
        "line": recorded.line.decode("ascii"),
        "object": recorded.object_key,
    }
    row |= {f"by_{partition.by}": _key(partition) for partition in _sparse(event)}
    return {name: {"S": value} for name, value in row.items()} | {"position": {"N": str(recorded.position)}}


def _place(row: dict[str, Any]) -> tuple[str, str]:
    return row["by_day"]["S"], row["at"]["S"]


def _sparse(event: AuditEvent) -> Iterator[Partition]:
    if event.patient:
        yield Partition(By.PATIENT, event.tenant, event.patient)
    if event.user_id:
        yield Partition(By.USER, event.tenant, event.user_id, period_of(By.USER, event.timestamp))
    if event.risk in ALERTED:
        yield Partition(By.ALERT, event.tenant, period=period_of(By.ALERT, event.timestamp))


def _keys(partition: Partition) -> list[str]:
    return [_key(partition, shard) for shard in range(_SHARDS)] if partition.by is By.DAY else [_key(partition)]


def _key(partition: Partition, shard: int = 0) -> str:
    match partition.by:
        case By.DAY:
            return f"T#{partition.tenant}#{partition.period}#{shard}"
        case By.PATIENT:
            # Keys show in CloudTrail and in key metrics, where a patient's id has no business.
            digest = hashlib.sha256(f"{partition.tenant}#{partition.value}".encode()).hexdigest()
            return f"P#{partition.tenant}#{digest[:32]}"
        case By.USER:
            return f"U#{partition.tenant}#{partition.value}#{partition.period}"
        case By.ALERT:
            return f"CRIT#{partition.tenant}#{partition.period}"


def _shard(event: AuditEvent) -> int:
    return hashlib.sha256(event.id.encode()).digest()[0] % _SHARDS


def _recorded(row: dict[str, Any]) -> RecordedEvent:
    return RecordedEvent(row["line"]["S"].encode("ascii"), row["object"]["S"], int(row["position"]["N"]))
