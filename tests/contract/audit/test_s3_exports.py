"""Exports on S3: what is written stays, and each step of a job once."""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from phivault.adapters.aws import client
from phivault.adapters.s3_exports import S3Exports
from phivault.audit.export.job import Step
from phivault.errors import Conflict, NotFound


@pytest.fixture
def bucket(new_audit_bucket: Callable[..., str]) -> str:
    return new_audit_bucket()


@pytest.fixture
def exports(bucket: str) -> S3Exports:
    return S3Exports(bucket, lock_mode="COMPLIANCE", retention_days=30)


@pytest.fixture
def id() -> str:
    return str(uuid.uuid4())


def test_steps_are_read_as_they_were_written(exports: S3Exports, id: str) -> None:
    exports.write("north", id, Step.REQUESTED, {"since": 5})
    exports.write("north", id, Step.STARTED, {"run": "a"})
    progress = exports.read("north", id)
    assert sorted(progress.steps) == [Step.REQUESTED, Step.STARTED]
    assert progress.said == {"run": "a"}
    assert progress.status(datetime.now(UTC)) == "running"
    exports.write("north", id, Step.DONE, {"size": 9})
    assert exports.read("north", id).said == {"size": 9}
    assert exports.said("north", id, Step.REQUESTED) == {"since": 5}
    with pytest.raises(NotFound):
        exports.said("north", id, Step.FAILED)


def test_a_step_is_written_once(exports: S3Exports, id: str) -> None:
    exports.write("north", id, Step.STARTED, {"run": "a"})
    with pytest.raises(Conflict):
        exports.write("north", id, Step.STARTED, {"run": "b"})
    exports.write("north", id, Step.STARTED, {"run": "a"})  # the answer to an earlier attempt was lost
    assert exports.read("north", id).said == {"run": "a"}


def test_another_tenants_export_is_none(exports: S3Exports, id: str) -> None:
    exports.write("north", id, Step.REQUESTED, {})
    for tenant in ("south", "", "nort"):
        with pytest.raises(NotFound):
            exports.read(tenant, id)
        assert exports.newest(tenant, 10) == []


def test_the_newest_come_first(exports: S3Exports) -> None:
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for one in ids:
        exports.write("north", one, Step.REQUESTED, {})
    found = exports.newest("north", 10)
    assert {progress.id for progress in found} == set(ids)
    times = [min(progress.steps.values()) for progress in found]
    assert times == sorted(times, reverse=True)
    assert len(exports.newest("north", 2)) == 2


def test_a_file_is_locked_written_once_and_read_by_its_url(exports: S3Exports, bucket: str, id: str) -> None:
    folder = exports.folder(id)
    folder.put("tile/0/000.p/5", b"hashes")
    assert folder.get("tile/0/000.p/5") == b"hashes"
    with pytest.raises(Conflict):
        folder.put("tile/0/000.p/5", b"others")
    kept = client("s3").get_object_retention(Bucket=bucket, Key=f"{id}/tile/0/000.p/5")["Retention"]
    assert kept["Mode"] == "COMPLIANCE"
    assert timedelta(days=29) < kept["RetainUntilDate"] - datetime.now(UTC) <= timedelta(days=30)
    (url,) = folder.urls(["tile/0/000.p/5"])
    assert "X-Amz-Expires=900" in url
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"hashes"


def test_a_url_is_good_for_its_file_alone(exports: S3Exports, id: str) -> None:
    folder = exports.folder(id)
    folder.put("checkpoint", b"mine")
    exports.folder(str(uuid.uuid4())).put("checkpoint", b"theirs")
    (url,) = folder.urls(["checkpoint"])
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url.partition("?")[0])


def test_opened_fields_are_kept_for_an_hour_and_not_for_years(exports: S3Exports, bucket: str, id: str) -> None:
    folder = exports.folder(id)
    with pytest.raises(NotFound):
        folder.get_personal()
    folder.put_personal(b"somebody")
    assert folder.get_personal() == b"somebody"
    kept = client("s3").get_object_retention(Bucket=bucket, Key=f"personal/{id}.ndjson.zst")["Retention"]
    assert kept["RetainUntilDate"] - datetime.now(UTC) <= timedelta(hours=1)
    with urllib.request.urlopen(folder.personal_url()) as answer:
        assert answer.read() == b"somebody"


def test_a_missing_file_is_missing(exports: S3Exports, id: str) -> None:
    with pytest.raises(NotFound):
        exports.folder(id).get("manifest.json")
