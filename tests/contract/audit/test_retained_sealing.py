"""What is sealed takes the rules of its tenants: on the local S3, through the sealer's own ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phivault.adapters.access_state_table import TABLE
from phivault.adapters.aws import client
from phivault.adapters.dynamodb_retention import DynamoRetention
from phivault.adapters.s3_retained_log import S3RetainedLog
from phivault.adapters.s3_retention import S3Retention
from phivault.audit.recorder import Recorder
from phivault.audit.retain import Applier, RetainedRows
from phivault.audit.retention import Hold
from phivault.audit.store import RecordedEvent
from phivault.errors import Unavailable
from tests.support.audit import MemoryIndex, an_event
from tests.support.retention import MemoryObjects, MemoryRules

DEFAULT, LONG = 10, 400
FULL, PARTIAL = "tile/0/000", "tile/0/001.p/3"


class Healed:
    def __init__(self) -> None:
        self.events: list[RecordedEvent] = []

    def heal(self, events: Sequence[RecordedEvent]) -> int:
        self.events += events
        return len(events)


@pytest.fixture
def rules(new_table: Callable[[dict[str, Any]], str]) -> DynamoRetention:
    return DynamoRetention(new_table(TABLE))


@pytest.fixture
def applier(rules: DynamoRetention, bucket: str) -> Applier:
    return Applier(rules, S3Retention(bucket, lock_mode="COMPLIANCE"), default_days=DEFAULT)


def until(bucket: str, key: str) -> timedelta:
    kept = client("s3").get_object_retention(Bucket=bucket, Key=key)["Retention"]["RetainUntilDate"]
    return kept.astimezone(UTC) - datetime.now(UTC)


def held(bucket: str, key: str) -> bool:
    return client("s3").get_object_legal_hold(Bucket=bucket, Key=key)["LegalHold"].get("Status") == "ON"


def test_sealed_objects_take_their_tenants_period_and_hold(
    rules: DynamoRetention, applier: Applier, recorder: Recorder, bucket: str
) -> None:
    index = MemoryIndex()
    rules.extend("north", LONG, "2026-03-04T05:06:07.089Z")
    rules.place(Hold("north", "c1", "p1", "2026-03-04T05:06:07.089Z"))
    recorder._index = index
    for event in (
        an_event(tenant="north", patient="p1"),
        an_event(tenant="north", patient="p2"),
        an_event(tenant="south"),
    ):
        recorder.append([event])
    healed = Healed()
    assert RetainedRows(healed, applier).heal(index.rows) == 3
    keys = [row.object_key for row in index.rows]
    days = [round(until(bucket, key) / timedelta(days=1)) for key in keys]
    assert days == [LONG, LONG, DEFAULT]
    assert [held(bucket, key) for key in keys] == [True, False, False]


def test_tiles_take_the_longest_period_and_any_hold(
    rules: DynamoRetention, applier: Applier, bucket: str, new_audit_bucket: Callable[..., str]
) -> None:
    head = new_audit_bucket()
    client("s3").delete_bucket_policy(Bucket=head)  # an unlocked bucket would do; its policy refuses what the head does
    log = S3RetainedLog(bucket, head, applier, lock_mode="COMPLIANCE", retention_days=DEFAULT)
    log.publish(FULL, bytes(32 * 256))
    assert until(bucket, f"log/{FULL}") < timedelta(days=DEFAULT + 1)
    rules.extend("north", LONG, "2026-03-04T05:06:07.089Z")
    rules.place(Hold("south", "c1", "", "2026-03-04T05:06:07.089Z"))
    log.publish(FULL, bytes(32 * 256))  # again, as after a crash
    log.publish(PARTIAL, bytes(96))
    log.keep("2026-03-04T05", b"a note")
    for key in (f"log/{FULL}", "log/checkpoints/2026-03-04T05"):
        assert until(bucket, key) > timedelta(days=LONG - 1)
        assert held(bucket, key)


def test_rows_wait_for_the_rules() -> None:
    """The sealer comes again for what isn't healed: an outage of the rules loses nothing."""
    down, healed = MemoryRules(), Healed()
    down.down = True
    applier = Applier(down, MemoryObjects({}, datetime.now(UTC)), default_days=DEFAULT)
    with pytest.raises(Unavailable):
        RetainedRows(healed, applier).heal([RecordedEvent(b"{}", "ev/1", 0)])
    assert healed.events == []
