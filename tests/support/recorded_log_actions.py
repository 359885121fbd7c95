"""Drive what seals, witnesses, exports and reconciles, over a log of its own: ``tests.support.recorded_actions``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.support.answers import ok
from tests.support.aws_proxy import Fault

if TYPE_CHECKING:
    import httpx

    from tests.support.recording import Recording

EXPORT_SECONDS = 60


def drive_the_log(recording: Recording) -> None:
    """The log from its first leaf on, each step of it once."""
    auditor = recording.api("auditor")
    unindexed(recording, auditor)
    first = sealed(recording)
    assert first["healed"] > 0
    early = ok(auditor.get("/audit/events"))["events"][0]["id"]
    sealed(recording)
    older = _head(recording)
    ok(auditor.get("/audit/events"))
    assert sealed(recording)["size"] > first["size"]
    with fallen_back(recording, older):
        prove(auditor, early)
        reconcile(recording)
    unwitnessed(recording, auditor)
    export_by_the_api(recording)
    export_by_an_operator(recording, older)


def unindexed(recording: Recording, auditor: httpx.Client) -> None:
    """An event that the index didn't take: the sealer heals that."""
    recording.aws.fail(Fault.FORBIDDEN, once=True, only="dynamodb BatchWriteItem")
    ok(auditor.get("/audit/events"))


def sealed(recording: Recording) -> dict[str, Any]:
    """What the sealer answers, which asks the witness."""
    answer = recording.call("sealer", {})
    assert answer["witnessed"]
    return answer


def prove(auditor: httpx.Client, event: str) -> None:
    """Under a checkpoint whose last tiles were withdrawn: wider ones are looked for."""
    assert auditor.get(f"/audit/events/{event}/proof").status_code == 200


def unwitnessed(recording: Recording, auditor: httpx.Client) -> None:
    """The witness isn't in the newest checkpoint, so the hourly ones are looked through."""
    with recording.altered("audit", {"PHIVAULT_WITNESS_NAME": "nobody"}):
        assert auditor.get("/audit/checkpoint").status_code == 503
    assert auditor.get("/audit/checkpoint").status_code == 200


def reconcile(recording: Recording) -> None:
    """A window before everything, so that nothing is found; its record's answer is lost."""
    until = datetime.now(UTC) - timedelta(hours=6)
    window = {"since": (until - timedelta(minutes=1)).isoformat(), "until": until.isoformat()}
    recording.s3.fail(Fault.LOST, once=True, only="s3 PUT")
    assert recording.call("reconciler", window) == {"unwraps": 0, "requests": 0, "findings": [], "recorded": 0}


def export_by_the_api(recording: Recording) -> None:
    token = recording.stack.sign_in("auditor")["access_token"]  # newer than five minutes
    auditor = recording.client({"Authorization": f"Bearer {token}"})
    ordered = ok(auditor.post("/audit/exports"), 202)
    assert _ended(lambda: ok(auditor.get(f"/audit/exports/{ordered['id']}")))["status"] == "done"
    assert ordered["id"] in {each["id"] for each in ok(auditor.get("/audit/exports"))["exports"]}


def export_by_an_operator(recording: Recording, older: bytes) -> None:
    """Of the whole log, with what events seal opened; while it is read, the log outgrows it. Then the same job again,
    as Lambda repeats one."""

    def outgrown(function: str) -> None:
        if function == "sealer":
            _put_head(recording, older)

    with fallen_back(recording, _head(recording)), recording.answered(outgrown):
        made = recording.call("exporter", {"open": True})
    assert made["open"], made
    key = f"status/whole/{made['id']}/requested.json"
    asked = json.load(recording.stack.aws("s3").get_object(Bucket=made["bucket"], Key=key)["Body"])
    asker = {"request_id": asked["request_id"]}
    again = recording.call("exporter", {"job": {"id": made["id"], "open": True, "asker": asker}})
    assert again == made


@contextmanager
def fallen_back(recording: Recording, note: bytes) -> Iterator[None]:
    """Meanwhile the head is ``note``."""
    newest = _head(recording)
    _put_head(recording, note)
    try:
        yield
    finally:
        _put_head(recording, newest)


def _head(recording: Recording) -> bytes:
    found = recording.stack.aws("s3").get_object(Bucket=recording.own["PHIVAULT_AUDIT_HEAD_BUCKET"], Key="checkpoint")
    return bytes(found["Body"].read())


def _put_head(recording: Recording, note: bytes) -> None:
    bucket = recording.own["PHIVAULT_AUDIT_HEAD_BUCKET"]
    recording.stack.aws("s3").put_object(Bucket=bucket, Key="checkpoint", Body=note)


def _ended(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    deadline = time.monotonic() + EXPORT_SECONDS
    while (state := ask())["status"] in ("queued", "running") and time.monotonic() < deadline:
        time.sleep(0.5)
    return state
