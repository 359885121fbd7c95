"""A person's keys are destroyed on the running stack: what they sealed is gone for everybody, the log stays valid."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from phivault.audit.export.segments import MAX_LINES, unpack
from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.fhir import make, patient

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

COMMAND = Path(sys.executable).with_name("phivault")
BEFORE, AFTER, OPENED = "before", "after", "opened.ndjson.zst"


@dataclass(frozen=True)
class Erased:
    """Two exports, of before and after, and what could still be opened after."""

    folder: Path
    patient: str
    account: str
    opened: dict[str, dict[str, Any]]

    def lines(self, export: str) -> list[bytes]:
        (segment,) = (self.folder / export / "segments").iterdir()
        return unpack(segment.read_bytes(), MAX_LINES)

    def events(self, role: str) -> list[dict[str, Any]]:
        """Those of before that hold something personal."""
        events = [json.loads(line) for line in self.lines(BEFORE)]
        return [event for event in events if event.get("personal") and event["role"] == role]


def phivault(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PHIVAULT_LOCAL": str(stack.folder)}
    return subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=120)


def worked(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def erased(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    folder, tenant = tmp_path_factory.mktemp("erased"), stack.tenants[0]
    subject = str(make(stack.api("clinician"), patient())["id"])
    account = Account(stack, role="patient", tenant=tenant, patient_id=subject)
    own = account.api()
    ok(own.get(f"/fhir/Patient/{subject}"))
    user = str(ok(own.get("/me"))["user_id"])
    worked(phivault(stack, "audit", "export", str(folder / BEFORE)))
    for key in (f"Patient/{subject}", f"User/{user}"):
        worked(phivault(stack, "keys", "destroy", "--tenant", tenant, "--subject", key, "--yes"))
    worked(phivault(stack, "audit", "export", str(folder / AFTER), "--open", str(folder / OPENED)))
    return Erased(folder, subject, user, _opened(folder / OPENED))


def _opened(file: Path) -> dict[str, dict[str, Any]]:
    import zstandard

    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(file.read_bytes()), read_across_frames=True)
    return {line["id"]: line for line in map(json.loads, reader.read().splitlines())}


def test_the_log_is_valid_and_goes_on_from_what_it_was(stack: RunningStack, erased: Erased) -> None:
    keys = ("--key", stack.facts["log_vkey"], "--witness", stack.facts["witness_vkey"])
    since = ("--since", str(erased.folder / BEFORE / "checkpoint"))
    assert worked(phivault(stack, "audit", "verify", str(erased.folder / AFTER), *keys, *since)).endswith("valid\n")
    before = erased.lines(BEFORE)
    assert erased.lines(AFTER)[: len(before)] == before


def test_what_the_person_left_in_it_opens_no_more(erased: Erased) -> None:
    events = [event for event in erased.events("patient") if event["user_id"] == erased.account]
    assert events
    assert [erased.opened[event["id"]] for event in events] == [{"erased": True, "id": event["id"]} for event in events]


def test_what_others_left_opens_as_before(erased: Erased) -> None:
    theirs = [event for event in erased.events("clinician") if event["patient"] == erased.patient]
    opened = [erased.opened[event["id"]] for event in theirs]
    assert opened
    assert all("user_email" in fields for fields in opened)


def test_both_destructions_are_on_record(erased: Erased) -> None:
    events = map(json.loads, erased.lines(AFTER)[len(erased.lines(BEFORE)) :])
    found = [event for event in events if event.get("action") == "key.destroy"]
    destroyed = sorted(found, key=lambda event: str(event["timestamp"]))
    assert [event["success"] for event in destroyed] == [True, True, True]
    assert ["key:tokens-forgotten" in event["flags"] for event in destroyed] == [False, True, False]
