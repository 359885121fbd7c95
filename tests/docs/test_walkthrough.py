"""The commands of README.md and docs/api.md, run as a reader would: copied into one shell beside a stack just started.

Not the stack that tests share: among its patients the one of the walkthrough needn't be on a researcher's first page,
nor be nobody's emergency.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyotp
import pytest

from local import totp
from tests.support.stack import RunningStack, running

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
API = (ROOT / "docs" / "api.md").read_text("utf-8")
ROLES = ("clinician", "researcher", "auditor", "care_coordinator", "privacy_officer")

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="curl or bash is not installed"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    yield from running(tmp_path_factory.mktemp("walkthrough"))


def _section(text: str, heading: str) -> str:
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def _commands(section: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def await_fresh_codes(stack: RunningStack, roles: Sequence[str]) -> None:
    """The reader's phone shows the code of now: wait for a step whose codes no other test has used."""
    users = [stack.user(role)["email"] for role in roles]
    used = max(stack._totp_steps.get(user, stack._seeded_step) for user in users)
    while (step := totp.step()) <= used:
        time.sleep(0.5)
    stack._totp_steps |= dict.fromkeys(users, step + 1)


def test_every_command_answers_as_shown(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".local").symlink_to(stack.folder)
    walk, see = _section(README, "Use it with curl"), _section(README, "Who may see what")
    create = "\n".join(_section(API, heading) for heading in ("Create", "Read"))
    script = "\n".join(_commands(walk) + _commands(see) + _commands(create))
    await_fresh_codes(stack, ROLES)
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    for shown in (
        '{"challenge": "SOFTWARE_TOKEN_MFA", "session": "',
        "HTTP/1.1 200 OK",
        "searchset",
        "it travels only in the body of a POST to Patient/_search",
        "found Dummett 1979-04-06",
        '"code":"REDACTED"',
        '"code":"SUBSETTED"',
        '"diagnostics":"Patient not found"',
        "fhir.search researcher RESEARCH ['deidentified']",
        "fhir.read clinician TREATMENT ['administrative', 'identifying', 'sensitive']",
        '"decisions": [{"class": "clinical", "allowed": false, "undecided": false,',
        '"missing": [["care-team"], ["grant"], ["consent"]]}]',
        "0\n1\nended\nreviewed\n0\n",
        "HTTP/1.1 201 Created",
        "%PDF-1.4 a letter",
    ):
        assert shown in walk + see + create
        assert shown in done.stdout, done.stdout


@pytest.mark.parametrize(("wrong", "missing"), [("password", "session"), ("totp_secret", "access_token")])
def test_a_sign_in_that_is_refused_stops_there_and_says_so(
    stack: RunningStack, tmp_path: Path, wrong: str, missing: str
) -> None:
    """One line, no token, and no code sent after a password that was refused."""
    facts = json.loads((stack.folder / "demo.json").read_text())
    facts["tenants"][stack.tenants[0]]["users"]["researcher"][wrong] = pyotp.random_base32()
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "demo.json").write_text(json.dumps(facts))
    walk = _section(README, "Use it with curl")
    (sign_in,) = re.findall(r"^sign_in\(\) \{\n.*?^\}\n", walk, re.DOTALL | re.MULTILINE)
    script = f"{_commands(walk)[0]}{sign_in}TOKEN=$(sign_in researcher) || echo \"status $?, token '$TOKEN'\""
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "status 1, token ''\n"
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"no {missing}: ")
    assert "'status': 401" in said
