"""What docs/embedding-accounts.md shows, run against the running stack by another application's process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from phivault import embedding
from phivault.errors import InvalidInput
from tests.support.sign_ups import registration_of

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

ROOT = Path(__file__).resolve().parents[2]
HERE = {"ip": "203.0.113.7"}


def test_the_page_shows_what_happens(stack: RunningStack, tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps(stack.facts))
    registration = registration_of(stack, stack.tenants[0])
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.accounts_page", facts, registration],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "14 examples" in done.stdout
    signed_in = stack.api("auditor").get("/audit/events", params={"action": "auth.token-issue"}).json()["events"]
    assert any(event["role"] == "patient" and event["success"] for event in signed_in)


@pytest.mark.parametrize(
    ("challenge", "members"),
    [
        ("EMAIL_CODE", {"code": "12345"}),
        ("EMAIL_CODE", {"code": "123456", "password": "x"}),
        ("PHONE_CODE", {"code": "123456"}),
        ("SOFTWARE_TOKEN_MFA", {"code": "123456"}),
        ("ANOTHER", {"code": "123456", "email": "a@example.test"}),
    ],
)
def test_what_a_challenge_does_not_take_is_refused_before_anything_is_asked(
    challenge: str, members: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phivault.bootstrap.identity", lambda: pytest.fail("It was asked"))
    with pytest.raises(InvalidInput):
        embedding.respond_to_challenge(challenge, "A" * 43, **members, **HERE)
    with pytest.raises(InvalidInput):
        embedding.sign_up_with_mfa(phone_number="12025550123", registration="x" * 20, email="a@b.test", **HERE)
