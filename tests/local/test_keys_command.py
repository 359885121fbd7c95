"""``phivault keys destroy`` on the running stack: what the key sealed is gone, the record of it stays."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.answers import ok, refused
from tests.support.fhir import make, observation, patient

if TYPE_CHECKING:
    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack

COMMAND = Path(sys.executable).with_name("phivault")


def phivault(stack: RunningStack, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PHIVAULT_LOCAL": str(stack.folder)}
    command = [COMMAND, "keys", *arguments]
    return subprocess.run(command, env=environment, input=said, capture_output=True, text=True, timeout=60)


def destroy(stack: RunningStack, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return phivault(stack, "destroy", "--tenant", stack.tenants[0], *arguments, said=said)


def destructions(log: LockedLog, of: str) -> list[dict[str, Any]]:
    """In the order of time: those of the command and those of the rotator are chains of their own."""
    return sorted(log.events(action="key.destroy", patient=of), key=lambda event: str(event["timestamp"]))


def tokens(stack: RunningStack, of: str) -> int:
    """Rows of the index about the patient, as the database's superuser counts them."""
    from tests.support.stored import superuser

    asked = "SELECT count(*) FROM phi.search_tokens WHERE tenant_id = %s AND patient = %s"
    with superuser(stack) as connection:
        found = connection.execute(asked, (stack.tenants[0], of)).fetchone()
    assert found is not None
    return int(found[0])


@pytest.fixture
def log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)


def test_a_destroyed_key_opens_nothing_and_stays_on_record(stack: RunningStack, log: LockedLog, tmp_path: Path) -> None:
    from tests.support.beside import Beside

    clinician = stack.api("clinician")
    subject = str(make(clinician, patient())["id"])
    weight = str(make(clinician, observation(subject))["id"])
    assert tokens(stack, subject) > 10
    done = destroy(stack, "--subject", f"Patient/{subject}", said="y\n")
    assert done.returncode == 0, done.stderr
    assert "Functions may hold it in memory until" in done.stdout
    assert re.search(r"[1-9]\d* search tokens deleted", done.stdout)
    assert tokens(stack, subject) == 0
    event, forgotten = destructions(log, subject)
    assert (event["success"], event["risk"], event["role"]) == (True, "CRITICAL", "operator")
    assert event["user_id"] == forgotten["user_id"] == stack.facts["aws_access_key_id"]
    assert ["key:tokens-forgotten" in one["flags"] for one in (event, forgotten)] == [False, True]
    again = destroy(stack, "--subject", f"Patient/{subject}", "--yes")
    assert (again.returncode, "were destroyed before" in again.stdout, "memory" in again.stdout) == (0, True, False)
    assert "0 search tokens deleted" in again.stdout
    repeated = destructions(log, subject)
    assert ["key:destroyed-before" in one["flags"] for one in repeated] == [False, False, True]
    assert all(one["success"] for one in repeated)
    with Beside(stack, tmp_path / "functions.log") as elsewhere:  # execution environments that hold no key
        for path in (f"/fhir/Patient/{subject}", f"/fhir/Observation/{weight}"):
            refused(elsewhere.api("clinician").get(path), 410)
        ok(elsewhere.api("clinician").get(f"/fhir/Patient/{stack.patients()[0]}"))
    log.chains_hold()


def test_tokens_that_come_back_are_forgotten_again(stack: RunningStack, log: LockedLog) -> None:
    """As a restored backup brings them, or a function that held the key until now."""
    clinician = stack.api("clinician")
    subject = str(make(clinician, patient())["id"])
    assert destroy(stack, "--subject", f"Patient/{subject}", "--yes").returncode == 0
    assert tokens(stack, subject) == 0
    make(clinician, observation(subject))  # the stack's functions hold the key still
    written = tokens(stack, subject)
    assert written > 0
    done = phivault(stack, "forget", "--tenant", stack.tenants[0])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= written
    assert tokens(stack, subject) == 0
    flags = [one["flags"] for one in destructions(log, subject)]
    assert ["key:tokens-forgotten" in each for each in flags] == [False, True, True]
    again = phivault(stack, "forget", "--tenant", stack.tenants[0])
    assert again.stdout.startswith("0 search tokens deleted")


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
