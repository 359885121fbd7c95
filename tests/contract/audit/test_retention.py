"""The rules and the objects of retention, in memory and on the AWS endpoints: the same questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from phivault.audit.retention import Hold, RetentionStore
from phivault.errors import Conflict, NotFound, Unavailable
from tests.support.retention import MemoryRules

if TYPE_CHECKING:
    from local.aws import LocalAws

AT = "2026-03-04T05:06:07.089Z"
DAYS = 30


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> RetentionStore:
    if request.param == "memory":
        return MemoryRules()
    from phivault.adapters.access_state_table import TABLE
    from phivault.adapters.dynamodb_retention import DynamoRetention

    new_table: Callable[[dict[str, Any]], str] = request.getfixturevalue("new_table")
    return DynamoRetention(new_table(TABLE))


def test_a_period_only_grows(store: RetentionStore) -> None:
    store.extend("north", 10, AT)
    store.extend("north", 20, AT)
    for days in (20, 19, 1):
        with pytest.raises(Conflict):
            store.extend("north", days, AT)
    store.extend("south", 1, AT)
    assert store.rules().days == {"north": 20, "south": 1}


def test_a_hold_stands_once_by_tenant_case_and_patient(store: RetentionStore) -> None:
    holds = [Hold("north", "c1", "", AT), Hold("north", "c1", "p1", AT), Hold("south", "c1", "p1", AT)]
    for hold in holds:
        store.place(hold)
        with pytest.raises(Conflict):
            store.place(hold)
    assert set(store.rules().holds) == set(holds)
    store.lift(holds[0], AT)
    with pytest.raises(NotFound):
        store.lift(holds[0], AT)
    assert set(store.rules().holds) == set(holds[1:])


def test_the_history_has_what_was_done_and_nothing_else(store: RetentionStore) -> None:
    hold = Hold("north", "c1", "p1", AT)
    store.extend("north", 10, AT)
    with pytest.raises(Conflict):
        store.extend("north", 9, AT)
    store.place(hold)
    store.lift(hold, "2026-03-05T05:06:07.089Z")
    found = [(change.what, change.days, change.case, change.patient) for change in store.history("north")]
    assert found == [("extended", 10, "", ""), ("placed", 0, "c1", "p1"), ("lifted", 0, "c1", "p1")]
    assert store.history("south") == []


@pytest.fixture(params=["GOVERNANCE", "COMPLIANCE"])
def bucket(request: pytest.FixtureRequest, new_audit_bucket: Callable[..., str]) -> Iterator[tuple[str, Any]]:
    from phivault.adapters.aws import client
    from phivault.adapters.s3_retention import S3Retention

    name = new_audit_bucket(lock_mode=request.param, retention_days=DAYS)
    for key in ("ev/1", "ev/2", "log/tile/0/000"):
        client("s3").put_object(Bucket=name, Key=key, Body=b"x", IfNoneMatch="*")
    yield name, S3Retention(name, lock_mode=request.param)
    client("s3").put_object_legal_hold(Bucket=name, Key="ev/1", LegalHold={"Status": "OFF"})


def _until(bucket: str, key: str) -> datetime:
    from phivault.adapters.aws import client

    found = client("s3").get_object_retention(Bucket=bucket, Key=key)["Retention"]["RetainUntilDate"]
    return found.astimezone(UTC)


def test_a_listing_goes_on_after_a_key(bucket: tuple[str, Any]) -> None:
    _, objects = bucket
    assert [found.key for found in objects.after("ev/", "")] == ["ev/1", "ev/2"]
    assert [found.key for found in objects.after("ev/", "ev/1")] == ["ev/2"]
    assert [found.key for found in objects.after("log/", "ev/2")] == ["log/tile/0/000"]
    assert objects.read("ev/1") == b"x"
    (first, _) = objects.after("ev/", "")
    assert abs(first.modified - datetime.now(UTC)) < timedelta(minutes=5)


def test_retention_is_lengthened_and_never_shortened(bucket: tuple[str, Any]) -> None:
    name, objects = bucket
    long = datetime.now(UTC) + timedelta(days=200)
    objects.retain("ev/1", long)
    held = _until(name, "ev/1")
    assert long <= held <= long + timedelta(seconds=1)
    objects.retain("ev/1", long - timedelta(days=100))
    objects.retain("ev/1", long)
    assert _until(name, "ev/1") == held


def test_s3_itself_refuses_a_shorter_period(bucket: tuple[str, Any]) -> None:
    from phivault.adapters.aws import client

    name, objects = bucket
    objects.retain("ev/1", datetime.now(UTC) + timedelta(days=200))
    shorter = {"Mode": objects._mode, "RetainUntilDate": datetime.now(UTC) + timedelta(days=100)}
    for bypass in (False, True):
        with pytest.raises(ClientError, match=r"403|AccessDenied"):
            client("s3").put_object_retention(
                Bucket=name, Key="ev/1", Retention=shorter, BypassGovernanceRetention=bypass
            )


def test_what_cant_be_reached_is_unavailable(bucket: tuple[str, Any]) -> None:
    _, objects = bucket
    for attempt in (
        lambda: objects.read("ev/none"),
        lambda: objects.retain("ev/none", datetime.now(UTC)),
        lambda: objects.hold("ev/none", True),
    ):
        with pytest.raises(Unavailable):
            attempt()


def test_a_version_under_hold_cant_be_deleted_by_anyone(aws_endpoints: LocalAws) -> None:
    """In a bucket whose lock has run out and whose policy forbids nothing: the hold alone stands."""
    from phivault.adapters.aws import client
    from phivault.adapters.s3_retention import S3Retention

    s3, name = client("s3"), "test-held"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    version = s3.put_object(Bucket=name, Key="k", Body=b"x")["VersionId"]
    objects = S3Retention(name, lock_mode="COMPLIANCE")
    objects.hold("k", True)
    assert s3.get_object_legal_hold(Bucket=name, Key="k")["LegalHold"]["Status"] == "ON"
    for bypass in (False, True):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=name, Key="k", VersionId=version, BypassGovernanceRetention=bypass)
    gone = s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "k", "VersionId": version}]})
    assert [error["Code"] for error in gone["Errors"]] == ["AccessDenied"]
    assert not gone.get("Deleted")
    objects.hold("k", False)
    s3.delete_object(Bucket=name, Key="k", VersionId=version)
