"""``phivault keys rotate``, ``retire``, ``rewrap`` and ``status`` on the running stack."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.fhir import make, observation, patient, send

if TYPE_CHECKING:
    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack

COMMAND = Path(sys.executable).with_name("phivault")


def keys(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PHIVAULT_LOCAL": str(stack.folder)}
    command = [COMMAND, "keys", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)


@pytest.fixture
def person(stack: RunningStack) -> dict[str, str]:
    """A patient with a history of two versions, and an observation."""
    clinician = stack.api("clinician")
    made = make(clinician, patient())
    id = str(made["id"])
    ok(send(clinician, "PUT", f"/fhir/Patient/{id}", made | {"gender": "other"}))
    return {"id": id, "observation": str(make(clinician, observation(id))["id"])}


def under(stack: RunningStack, subject: str) -> dict[int, dict[str, Any]]:
    """The subject's rows of the table of keys, by version."""
    dynamodb = stack.aws("dynamodb")
    found = dynamodb.query(
        TableName=stack.facts["settings"]["PHIVAULT_SUBJECT_KEYS_TABLE"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"T#{stack.tenants[0]}#{subject}"}},
    )["Items"]
    return {int(item["sk"]["N"]): item for item in found}


def test_a_patient_is_rotated_alone_and_reads_as_before(
    stack: RunningStack, person: dict[str, str], log: LockedLog
) -> None:
    clinician, subject = stack.api("clinician"), f"Patient/{person['id']}"
    paths = (
        f"/fhir/Patient/{person['id']}",
        f"/fhir/Patient/{person['id']}/_history/1",
        f"/fhir/Observation/{person['observation']}",
    )
    before = [clinician.get(path).content for path in paths]
    done = keys(stack, "rotate", "--tenant", stack.tenants[0], "--subject", subject, "--no-wait")
    assert done.returncode == 0, done.stderr
    assert "1 new keys, 0 begun before; 3 versions of resources sealed again; 0 old keys retired" in done.stdout
    assert re.search(r"seal under old keys for \d+ s more", done.stdout)
    assert [clinician.get(path).content for path in paths] == before
    again = keys(stack, "rotate", "--tenant", stack.tenants[0], "--subject", subject, "--no-wait")
    assert "0 new keys, 1 begun before; 0 versions" in again.stdout
    held = under(stack, subject)
    assert sorted(held) == [1, 2]
    assert "made_at" in held[2]
    (rotated,) = log.events(action="key.rotate", patient=person["id"])
    assert (rotated["user_id"], rotated["role"]) == (stack.facts["aws_access_key_id"], "operator")
    assert len(log.events(action="key.reseal", patient=person["id"])) == 1
    log.chains_hold()


def test_what_is_settled_is_retired_and_stays_for_the_recovery_window(
    stack: RunningStack, person: dict[str, str], log: LockedLog
) -> None:
    tenant, subject = stack.tenants[0], f"Patient/{person['id']}"
    keys(stack, "rotate", "--tenant", tenant, "--subject", subject, "--no-wait")
    waiting = keys(stack, "retire", "--tenant", tenant, "--subject", subject)
    assert (waiting.returncode, "0 old keys retired, 0 destroyed" in waiting.stdout) == (0, True)
    assert "can be retired in" in waiting.stdout
    _made_long_ago(stack, subject)
    done = keys(stack, "retire", "--tenant", tenant, "--subject", subject)
    assert "1 old keys retired, 0 destroyed" in done.stdout
    assert "retired_at" in under(stack, subject)[1]
    assert "until no backup needs them" in keys(stack, "retire", "--tenant", tenant, "--subject", subject).stdout
    (retired,) = log.events(action="key.retire", patient=person["id"])
    assert "key:retired" in retired["flags"]


def _made_long_ago(stack: RunningStack, subject: str) -> None:
    stack.aws("dynamodb").update_item(
        TableName=stack.facts["settings"]["PHIVAULT_SUBJECT_KEYS_TABLE"],
        Key={"pk": {"S": f"T#{stack.tenants[0]}#{subject}"}, "sk": {"N": "2"}},
        UpdateExpression="SET made_at = :at",
        ExpressionAttributeValues={":at": {"N": "1"}},
    )


def test_a_whole_tenant_is_rotated_and_status_counts_it(stack: RunningStack) -> None:
    """One that nobody else rotates."""
    other = f"tenant-{secrets.token_hex(4)}"
    clinician = Account(stack, "clinician", other).api()
    people = [str(make(clinician, patient())["id"]) for _ in range(2)]
    before = keys(stack, "status", "--tenant", other)
    assert before.returncode == 0, before.stderr
    assert "0 under older keys" in before.stdout
    done = keys(stack, "rotate", "--tenant", other, "--no-wait")
    assert done.returncode == 0, done.stderr
    assert re.search(r"[1-9]\d* new keys, 0 begun before; [1-9]\d* versions", done.stdout)
    after = keys(stack, "status", "--tenant", other)
    assert "0 under older keys, of 0 subjects" in after.stdout
    assert re.search(r"[1-9]\d* older, 0 retired", after.stdout)
    for id in people:
        ok(clinician.get(f"/fhir/Patient/{id}"))


def test_status_names_kms_keys_and_their_states(stack: RunningStack) -> None:
    done = keys(stack, "status", "--no-rows")
    assert done.returncode == 0, done.stderr
    (line,) = [one for one in done.stdout.splitlines() if "wraps new ones" in one]
    assert stack.facts["settings"]["PHIVAULT_SUBJECT_KEY_ARN"] in line
    assert "Enabled" in line


def test_nothing_is_left_to_wrap_again_under_the_same_kms_key(stack: RunningStack) -> None:
    done = keys(stack, "rewrap")
    assert (done.returncode, done.stdout.startswith("0 keys wrapped again")) == (0, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("rotate", "--subject", "Patient/x"), 2, "--subject needs --tenant"),
        (("rotate", "--tenant", "t", "--subject", "User/x"), 1, "they seal rows"),
        (("rotate", "--tenant", "t", "--no-wait"), 2, "Nobody of t owns resources: nothing was rotated"),
        (("rotate", "--tenant", "t", "--subject", "Patient/x", "--no-wait"), 2, "Patient/x of t owns no resources"),
        (("rotate", "--tenant", "a#b"), 2, "A tenant is named by its id"),
        (("retire", "--tenant", "-"), 2, "- is no tenant that has keys"),
        (("retire", "--tenant", "nobody"), 2, "nobody is no tenant that has keys"),
        (("status", "--tenant", "nobody"), 2, "nobody is no tenant that has keys"),
        (("status", "--tenant", "nobody", "--no-rows"), 2, "nobody is no tenant that has keys"),
        (("rewrap", "--tenant", "nobody"), 2, "nobody is no tenant that has keys"),
        (("forget", "--tenant", "nobody"), 2, "nobody is no tenant that has keys"),
        (("retire", "--subject", "Patient/x"), 2, "--subject needs --tenant"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    stack: RunningStack, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = keys(stack, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_without_a_stack_or_settings_it_says_what_is_missing(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PHIVAULT_LOCAL": str(tmp_path)}
    done = subprocess.run([COMMAND, "keys", "status"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "PHIVAULT_PROFILE" in done.stderr
