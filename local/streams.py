"""DynamoDB streams to functions, as Lambda's event source mapping does it with ReportBatchItemFailures."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from phivault.adapters.aws import client, translated
from phivault.errors import PhivaultError

_log = logging.getLogger(__name__)


class StreamPoller(threading.Thread):
    """Calls ``invoke`` with batches of one stream from its oldest record on, each shard in order.

    A record is passed once ``invoke`` returns without naming its sequence number, or one before it, in
    ``batchItemFailures``; until then it is delivered again, with growing pauses. Nothing is ever dropped.
    """

    def __init__(
        self,
        stream_arn: str,
        invoke: Callable[[dict[str, Any]], dict[str, Any]],
        *,
        interval_seconds: float = 0.5,
        batch_size: int = 10,
    ) -> None:
        super().__init__(name="stream-poller", daemon=True)
        self._arn, self._invoke = stream_arn, invoke
        self._interval, self._batch_size = interval_seconds, batch_size
        self._stopped = threading.Event()
        self._passed: dict[str, str] = {}
        """The last sequence number passed, by shard."""
        self._iterators: dict[str, str] = {}

    def run(self) -> None:
        pause = self._interval
        while not self._stopped.wait(pause):
            try:
                self.poll()
                pause = self._interval
            except Exception as error:  # noqa: BLE001  (whatever a function raises, its batch comes again)
                self._iterators.clear()  # read again from the last record passed
                pause = min(pause * 2, 30.0)
                _log.warning("stream batch not passed: %s", type(error).__name__)

    def stop(self) -> None:
        """Returns when no further batch will be delivered."""
        self._stopped.set()
        if self.is_alive():
            self.join()

    def poll(self) -> None:
        """Deliver what has come since. Raises what ``invoke`` raises, or PhivaultError for records not passed."""
        with translated("DynamoDB streams"):
            description = client("dynamodbstreams").describe_stream(StreamArn=self._arn)["StreamDescription"]
        for shard in description["Shards"]:
            self._poll_shard(shard["ShardId"])

    def _poll_shard(self, shard: str) -> None:
        while not self._stopped.is_set():
            with translated("DynamoDB streams"):
                read = client("dynamodbstreams").get_records(
                    ShardIterator=self._iterator(shard), Limit=self._batch_size
                )
            records = [_as_lambda_has_it(record, self._arn) for record in read["Records"]]
            if records:
                self._deliver(shard, records)
            self._iterators[shard] = read.get("NextShardIterator", "")
            if len(records) < self._batch_size:
                return

    def _deliver(self, shard: str, records: list[dict[str, Any]]) -> None:
        answer = self._invoke({"Records": records})
        failed = {failure["itemIdentifier"] for failure in (answer or {}).get("batchItemFailures", [])}
        for record in records:
            sequence_number = record["dynamodb"]["SequenceNumber"]
            if sequence_number in failed:
                raise PhivaultError("The function did not pass a record")
            self._passed[shard] = sequence_number

    def _iterator(self, shard: str) -> str:
        if shard not in self._iterators:
            passed = self._passed.get(shard)
            start: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
            if passed is not None:
                start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": passed}
            made = client("dynamodbstreams").get_shard_iterator(StreamArn=self._arn, ShardId=shard, **start)
            self._iterators[shard] = made["ShardIterator"]
        return self._iterators[shard]


def _as_lambda_has_it(record: Any, stream_arn: str) -> dict[str, Any]:
    """JSON types only: times in epoch seconds, bytes in base64."""
    plain: dict[str, Any] = json.loads(json.dumps(record, default=_plain))
    return plain | {"eventSourceARN": stream_arn}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)
