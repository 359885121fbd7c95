"""``phivault keys destroy`` on the running stack: what the key sealed is gone, the record of it stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.answers import ok, refused
from tests.support.fhir import make, observation, patient

if TYPE_CHECKING:
    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack

COMMAND = Path(sys.executable).with_name("phivault")


def destroy(stack: RunningStack, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PHIVAULT_LOCAL": str(stack.folder)}
    command = [COMMAND, "keys", "destroy", "--tenant", stack.tenants[0], *arguments]
    return subprocess.run(command, env=environment, input=said, capture_output=True, text=True, timeout=60)


@pytest.fixture
def log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)


def test_a_destroyed_key_opens_nothing_and_stays_on_record(stack: RunningStack, log: LockedLog, tmp_path: Path) -> None:
    from tests.support.beside import Beside

    clinician = stack.api("clinician")
    subject = str(make(clinician, patient())["id"])
    weight = str(make(clinician, observation(subject))["id"])
    done = destroy(stack, "--subject", f"Patient/{subject}", said="y\n")
    assert done.returncode == 0, done.stderr
    assert "Functions may hold it in memory until" in done.stdout
    (event,) = log.events(action="key.destroy", patient=subject)
    assert (event["success"], event["risk"], event["role"]) == (True, "CRITICAL", "operator")
    assert event["user_id"] == stack.facts["aws_access_key_id"]
    again = destroy(stack, "--subject", f"Patient/{subject}", "--yes")
    assert (again.returncode, "were destroyed before" in again.stdout, "until" in again.stdout) == (0, True, False)
    repeated = log.events(action="key.destroy", patient=subject)
    assert ["key:destroyed-before" in one["flags"] for one in repeated] == [False, True]
    assert all(one["success"] for one in repeated)
    with Beside(stack, tmp_path / "functions.log") as elsewhere:  # execution environments that hold no key
        for path in (f"/fhir/Patient/{subject}", f"/fhir/Observation/{weight}"):
            refused(elsewhere.api("clinician").get(path), 410)
        ok(elsewhere.api("clinician").get(f"/fhir/Patient/{stack.patients()[0]}"))
    log.chains_hold()


def test_without_a_yes_nothing_happens(stack: RunningStack, log: LockedLog) -> None:
    subject = str(make(stack.api("clinician"), patient())["id"])
    assert destroy(stack, "--subject", f"Patient/{subject}", said="n\n").returncode == 1
    assert log.events(action="key.destroy", patient=subject) == []


def test_the_key_of_staff_stays(stack: RunningStack) -> None:
    clinician = ok(stack.api("clinician").get("/me"))["user_id"]
    done = destroy(stack, "--subject", f"User/{clinician}", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the own account of a patient" in done.stderr


@pytest.mark.parametrize(
    ("subject", "status", "said"),
    [
        ("Patient", 2, "a subject like Patient/<id>"),
        ("Tenant", 2, "a subject like Patient/<id>"),
        ("User/x", 1, "the own account of a patient"),
        ("Practitioner/x", 1, "Only the key of one of these may be destroyed"),
        ("Patient/0b0f8f1e-nobody", 1, "The subject has no key"),
    ],
)
def test_what_cannot_be_destroyed_is_told_in_a_line(stack: RunningStack, subject: str, status: int, said: str) -> None:
    done = destroy(stack, "--subject", subject, "--yes")
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_without_a_stack_or_settings_it_says_what_is_missing(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PHIVAULT_LOCAL": str(tmp_path)}
    command = [COMMAND, "keys", "destroy", "--tenant", "t", "--subject", "Patient/p", "--yes"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "PHIVAULT_PROFILE" in done.stderr
